import Files
import Testing

/// FIPS 180's own examples, and lengths around the padding's borders.
struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func publishedExamples(text: String, digest: String) {
    #expect(SHA256.hexadecimal(Array(text.utf8)) == digest)
  }

  @Test func aMillionLettersHaveThePublishedDigest() {
    let letters = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    #expect(
      SHA256.hexadecimal(letters) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  // Python 3: hashlib.sha256(b"x" * n).hexdigest()[:8]
  @Test(arguments: [(55, "d5e28568"), (56, "04c26261"), (63, "75220b47"), (64, "7ce10097"), (65, "9537c5fd")])
  func lengthsAroundTheBlock(count: Int, prefix: String) {
    let digest = SHA256.hexadecimal([UInt8](repeating: UInt8(ascii: "x"), count: count))
    #expect(digest.hasPrefix(prefix) && digest.utf8.count == 64)
  }
}
