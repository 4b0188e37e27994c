#include "CSimdJSON.h"

#include <new>
#include <simdjson.h>

struct apus_json_parser {
  simdjson::dom::parser parser;
};

extern "C" {

apus_json_parser *apus_json_parser_create(void) { return new (std::nothrow) apus_json_parser; }

void apus_json_parser_destroy(apus_json_parser *parser) { delete parser; }

int apus_json_parse(apus_json_parser *parser, const uint8_t *bytes, size_t length, const uint64_t **tape,
                    size_t *tape_count, const uint8_t **strings) {
  try {
    simdjson::dom::element root;
    auto error = parser->parser.parse(bytes, length, false).get(root);
    if (error) return static_cast<int>(error);
    *tape = parser->parser.doc.tape.get();
    // The first word's payload is the index behind the last word.
    *tape_count = static_cast<size_t>((*tape)[0] & 0x00ffffffffffffffULL);
    *strings = parser->parser.doc.string_buf.get();
    return 0;
  } catch (...) {
    return static_cast<int>(simdjson::MEMALLOC);
  }
}

const char *apus_json_error_text(int code) {
  return simdjson::error_message(static_cast<simdjson::error_code>(code));
}

size_t apus_json_padding(void) { return simdjson::SIMDJSON_PADDING; }

}
