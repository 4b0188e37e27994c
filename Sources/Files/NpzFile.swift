internal import CZip
import Foundation

/// Numpy's archives: a zip file with one npy file an array.
///
/// Written archives carry the date 1980-01-01 and are the same bytes for the same arrays. Readers trust nothing: sizes
/// are checked against what can be before anything is allocated.
/// - Source: numpy, `numpy.savez_compressed`; PKWARE APPNOTE 6.3.
public enum NpzFile {
  /// The most bytes that an archive may unpack to unless the caller says otherwise: 1 GiB.
  public static let defaultLimit = 1 << 30
  /// The most arrays that an archive may have.
  public static let entryLimit = 10_000

  /// Reads every array, in the archive's order, names without `.npy`.
  /// - Parameters:
  ///   - path: The archive.
  ///   - limit: The most bytes that all arrays together may take.
  /// - Throws: `ArrayFileError` naming the entry, `FileError` where the system refuses.
  public static func read(_ path: String, limit: Int = defaultLimit) throws -> [(
    name: String, array: NpyArray
  )] {
    try parse(RegularFile.read(path, limit: limit), name: path, limit: limit)
  }

  /// Every array in these bytes, which `name` stands for in errors.
  /// - Throws: `ArrayFileError` naming the entry.
  public static func parse(
    _ bytes: [UInt8], name: String, limit: Int = defaultLimit
  ) throws -> [(name: String, array: NpyArray)] {
    try bytes.withUnsafeBytes { raw in
      let archive = try ZipReader(raw, name: name)
      guard archive.count <= entryLimit else {
        throw ArrayFileError(
          file: name, place: "entries", found: "\(archive.count)", expected: "at most \(entryLimit)")
      }
      var result: [(name: String, array: NpyArray)] = []
      var names = Set<String>()
      var left = limit
      for index in 0..<archive.count {
        let entry = try archive.entry(index)
        guard names.insert(entry.name).inserted else {
          throw ArrayFileError(file: name, place: entry.name, found: "twice", expected: "one entry of a name")
        }
        guard entry.size <= left else {
          throw ArrayFileError(
            file: name, place: entry.name, found: "\(entry.size) bytes",
            expected: "at most \(left) left of \(limit)")
        }
        left -= entry.size
        let data = try archive.data(entry)
        result.append(
          (String(entry.name.dropLast(4)), try NpyFile.parse(data, name: "\(name): \(entry.name)")))
      }
      return result
    }
  }

  /// Writes an archive, whole or not at all: deflate at level 6, in the order given, dated 1980-01-01.
  /// - Precondition: names differ, and are not empty.
  /// - Throws: `FileError`; `ArrayFileError` for what npy or zip cannot hold.
  public static func write(_ path: String, _ arrays: [(name: String, array: NpyArray)]) throws {
    try AtomicFile.write(path, encode(arrays, name: path))
  }

  /// The archive's bytes; the same for the same arrays.
  /// - Parameter level: deflate's, 1 (fast) to 9 (small).
  /// - Throws: `ArrayFileError` for what npy or zip cannot hold.
  public static func encode(
    _ arrays: [(name: String, array: NpyArray)], name: String = "archive", level: Int = 6
  ) throws -> [UInt8] {
    precondition((1...9).contains(level), "deflate at level \(level)")
    var writer = try ZipWriter(name: name, level: UInt32(level))
    for (entry, array) in arrays {
      try writer.add("\(entry).npy", NpyFile.encode(array, name: "\(name): \(entry).npy"))
    }
    return try writer.finish()
  }
}

/// An archive in memory that is open for reading.
private struct ZipReader: ~Copyable {
  struct Entry {
    let index: UInt64
    let name: String
    let size: Int
  }

  private let file: String
  private let archive: OpaquePointer

  init(_ bytes: UnsafeRawBufferPointer, name: String) throws {
    file = name
    var error = zip_error_t()
    zip_error_init(&error)
    defer { zip_error_fini(&error) }
    func fail() -> ArrayFileError {
      ArrayFileError(
        file: name, place: "archive", found: String(cString: zip_error_strerror(&error)),
        expected: "a zip archive")
    }
    guard bytes.count >= 22, let base = bytes.baseAddress else {
      throw ArrayFileError(
        file: name, place: "archive", found: "\(bytes.count) bytes",
        expected: "a zip archive of 22 bytes or more")
    }
    guard let source = zip_source_buffer_create(base, UInt64(bytes.count), 0, &error) else { throw fail() }
    guard let opened = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) else {
      zip_source_free(source)
      throw fail()
    }
    archive = opened
  }

  deinit { zip_discard(archive) }

  var count: Int { Int(zip_get_num_entries(archive, 0)) }

  /// An entry's name and size, after checking that they can be true.
  func entry(_ index: Int) throws -> Entry {
    var status = zip_stat_t()
    zip_stat_init(&status)
    let wanted = UInt64(
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD)
    guard zip_stat_index(archive, UInt64(index), 0, &status) == 0, status.valid & wanted == wanted,
      let rawName = status.name
    else { throw fail("entry \(index)", "no name or size", "both") }
    let name = String(cString: rawName)
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard name.hasSuffix(".npy"), name.utf8.count > 4, !name.contains("\\"),
      parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
    else { throw fail("entry \(index)", "the name '\(name)'", "a relative name that ends with .npy") }
    guard status.encryption_method == ZIP_EM_NONE else { throw fail(name, "encrypted", "plain data") }
    guard status.comp_method == ZIP_CM_STORE || status.comp_method == ZIP_CM_DEFLATE else {
      throw fail(name, "compression method \(status.comp_method)", "0 (stored) or 8 (deflate)")
    }
    // Deflate spends at least one bit on 129 bytes.
    let (most, overflow) = status.comp_size.multipliedReportingOverflow(by: 1040)
    let stored = status.comp_method == ZIP_CM_STORE
    let possible = stored ? status.size == status.comp_size : overflow || status.size <= most + 1040
    guard possible, let size = Int(exactly: status.size) else {
      throw fail(
        name, "\(status.size) bytes out of \(status.comp_size)",
        "a size that \(stored ? "is equal" : "deflate can reach")")
    }
    return Entry(index: UInt64(index), name: name, size: size)
  }

  /// The entry's bytes, exactly as many as it states; the checksum holds.
  func data(_ entry: Entry) throws -> [UInt8] {
    guard let handle = zip_fopen_index(archive, entry.index, 0) else {
      throw fail(entry.name, String(cString: zip_strerror(archive)), "an entry that opens")
    }
    defer { zip_fclose(handle) }
    var data = [UInt8](repeating: 0, count: entry.size)
    var done = 0
    while true {
      // The last read, of one byte too many, is the one in which libzip checks the checksum.
      var extra: UInt8 = 0
      let wanted = entry.size - done
      let count =
        wanted > 0
        ? data.withUnsafeMutableBytes { zip_fread(handle, $0.baseAddress.map { $0 + done }, UInt64(wanted)) }
        : zip_fread(handle, &extra, 1)
      guard count >= 0 else {
        throw fail(entry.name, String(cString: zip_file_strerror(handle)), "data that unpack")
      }
      if count == 0 { break }
      guard wanted > 0 else { throw fail(entry.name, "more data than stated", "\(entry.size) bytes") }
      done += Int(count)
    }
    guard done == entry.size else { throw fail(entry.name, "\(done) bytes", "\(entry.size) as stated") }
    return data
  }

  private func fail(_ place: String, _ found: String, _ expected: String) -> ArrayFileError {
    ArrayFileError(file: file, place: place, found: found, expected: expected)
  }
}

/// An archive that is made in memory.
private struct ZipWriter: ~Copyable {
  private let file: String
  private let archive: OpaquePointer
  private let source: OpaquePointer
  private let level: UInt32
  private var isOpen = true

  init(name: String, level: UInt32) throws {
    file = name
    self.level = level
    var error = zip_error_t()
    zip_error_init(&error)
    defer { zip_error_fini(&error) }
    guard let made = zip_source_buffer_create(nil, 0, 0, &error) else {
      throw ArrayFileError(
        file: name, place: "archive", found: String(cString: zip_error_strerror(&error)), expected: "memory")
    }
    zip_source_keep(made)
    guard let opened = zip_open_from_source(made, ZIP_TRUNCATE, &error) else {
      zip_source_free(made)
      zip_source_free(made)
      throw ArrayFileError(
        file: name, place: "archive", found: String(cString: zip_error_strerror(&error)),
        expected: "a new archive")
    }
    source = made
    archive = opened
  }

  func add(_ name: String, _ bytes: [UInt8]) throws {
    guard let copy = malloc(max(bytes.count, 1)) else {
      throw fail(name, "no memory for \(bytes.count) bytes")
    }
    bytes.withUnsafeBytes { raw in
      if let base = raw.baseAddress { memcpy(copy, base, raw.count) }
    }
    // libzip frees the copy together with the entry's source.
    guard let entry = zip_source_buffer(archive, copy, UInt64(bytes.count), 1) else {
      free(copy)
      throw fail(name, String(cString: zip_strerror(archive)))
    }
    let index = zip_file_add(archive, name, entry, UInt32(ZIP_FL_ENC_UTF_8))
    guard index >= 0 else {
      zip_source_free(entry)
      throw fail(name, String(cString: zip_strerror(archive)))
    }
    let january1980: UInt16 = 1 << 5 | 1
    guard zip_set_file_compression(archive, UInt64(index), ZIP_CM_DEFLATE, level) == 0,
      zip_file_set_dostime(archive, UInt64(index), 0, january1980, 0) == 0
    else { throw fail(name, String(cString: zip_strerror(archive))) }
  }

  mutating func finish() throws -> [UInt8] {
    guard zip_close(archive) == 0 else {
      throw ArrayFileError(
        file: file, place: "archive", found: String(cString: zip_strerror(archive)),
        expected: "an archive that closes")
    }
    isOpen = false
    var status = zip_stat_t()
    zip_stat_init(&status)
    guard zip_source_stat(source, &status) == 0, let size = Int(exactly: status.size),
      zip_source_open(source) == 0
    else {
      // An archive without entries has no bytes in libzip: write the end record that stands for it.
      return Array("PK".utf8) + [5, 6] + [UInt8](repeating: 0, count: 18)
    }
    defer { zip_source_close(source) }
    var bytes = [UInt8](repeating: 0, count: size)
    var done = 0
    while done < size {
      let count = bytes.withUnsafeMutableBytes {
        zip_source_read(source, $0.baseAddress.map { $0 + done }, UInt64(size - done))
      }
      guard count > 0 else {
        throw ArrayFileError(file: file, place: "archive", found: "\(done) bytes", expected: "\(size)")
      }
      done += Int(count)
    }
    return bytes
  }

  deinit {
    if isOpen { zip_discard(archive) }
    zip_source_free(source)
  }

  private func fail(_ place: String, _ found: String) -> ArrayFileError {
    ArrayFileError(file: file, place: place, found: found, expected: "an entry that is added")
  }
}
