#ifndef APUS_CSIMDJSON_H
#define APUS_CSIMDJSON_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/// simdjson's DOM parser with its buffers; one document lives in it at a time.
typedef struct apus_json_parser apus_json_parser;

/// A new parser, or NULL where there is no memory.
apus_json_parser *apus_json_parser_create(void);
void apus_json_parser_destroy(apus_json_parser *parser);

/// Parses `length` bytes, behind which apus_json_padding() more must be readable.
/// On success (0) `tape` and `strings` are the document as simdjson's doc/tape.md describes it, valid until the next
/// call; `tape_count` is the number of tape words. On failure the result is simdjson's error code.
int apus_json_parse(apus_json_parser *parser, const uint8_t *bytes, size_t length, const uint64_t **tape,
                    size_t *tape_count, const uint8_t **strings);

/// What an error code of apus_json_parse says.
const char *apus_json_error_text(int code);
/// How many bytes behind the text must be readable.
size_t apus_json_padding(void);
#ifdef __cplusplus
}
#endif
#endif
