import Geometry
import Scenes

extension Dataset {
  /// The annotations of a keyframe in order of the table.
  /// - Throws: `RecordingError` where there is no such sample.
  public func annotations(sample token: String) throws -> [Annotation] {
    let row = try row(token, tables.samples.index, tables.samples.tokens, "sample")
    return tables.annotations.bySample.rows(of: row).map { annotation(Int($0)) }
  }

  /// The annotation of this token.
  /// - Throws: `RecordingError` where there is none.
  public func annotation(token: String) throws -> Annotation { annotation(try annotationRow(token)) }

  /// An object's annotations from its first to its last.
  /// - Throws: `RecordingError` where there is no such instance, or its chain is broken.
  public func annotations(instance token: String) throws -> [Annotation] {
    let instances = tables.instances
    let row = try row(token, instances.index, instances.tokens, "instance")
    let count = Int(instances.annotationCount[row])
    var result: [Annotation] = []
    var previous = TokenIndex.noRow
    var current = instances.first[row]
    func fail(_ found: String, _ expected: String) -> RecordingError {
      RecordingError(
        file: tablePath("sample_annotation"), place: "instance \(token): chain", found: found,
        expected: expected)
    }
    while current != TokenIndex.noRow {
      guard result.count < count else {
        throw fail("more than \(count) annotations, or a cycle", "nbr_annotations")
      }
      guard tables.annotations.instance[Int(current)] == UInt32(row),
        tables.annotations.previous[Int(current)] == previous
      else {
        throw fail(
          "annotation \(tables.pool.text(tables.annotations.tokens[Int(current)])) of another chain",
          "one chain")
      }
      result.append(annotation(Int(current)))
      previous = current
      current = tables.annotations.next[Int(current)]
    }
    guard result.count == count, previous == instances.last[row] else {
      throw fail("\(result.count) annotations", "nbr_annotations \(count), to the last annotation")
    }
    return result
  }

  /// The velocity of an annotated box in the global frame in metres a second, from its neighbours in time; nil where it
  /// has none, or they are more than 1.5 s away (3 s from one neighbour to the other).
  /// - Throws: `RecordingError` where there is no such annotation.
  /// - Source: nuscenes-devkit 1.2.0, `NuScenes.box_velocity`.
  public func velocity(ofAnnotation token: String) throws -> SIMD3<Double>? {
    let row = try annotationRow(token)
    let annotations = tables.annotations
    let previous = annotations.previous[row]
    let next = annotations.next[row]
    let none = TokenIndex.noRow
    guard previous != none || next != none else { return nil }
    let first = previous == none ? row : Int(previous)
    let last = next == none ? row : Int(next)
    func seconds(_ row: Int) -> Double {
      1e-6 * Double(tables.samples.timestamps[Int(annotations.sample[row])])
    }
    let elapsed = seconds(last) - seconds(first)
    guard elapsed <= (previous != none && next != none ? 3.0 : 1.5), elapsed != 0 else { return nil }
    return (annotations.box(last).center - annotations.box(first).center) / elapsed
  }

  /// The keyframe of this token.
  /// - Throws: `RecordingError` where there is none.
  public func keyframe(token: String) throws -> Keyframe {
    let row = try row(token, tables.samples.index, tables.samples.tokens, "sample")
    return Keyframe(token: token, timestampMicroseconds: tables.samples.timestamps[row])
  }

  /// The name of the scene that a keyframe belongs to.
  /// - Throws: `RecordingError` where there is no such sample.
  public func sceneName(sample token: String) throws -> String {
    let row = try row(token, tables.samples.index, tables.samples.tokens, "sample")
    return tables.scenes[Int(tables.samples.scene[row])].name
  }

  func annotationRow(_ token: String) throws -> Int {
    try row(token, tables.annotations.index, tables.annotations.tokens, "sample_annotation")
  }

  private func row(_ token: String, _ index: TokenIndex, _ tokens: [TokenKey], _ table: String) throws -> Int
  {
    let row = tables.pool.find(token).map { index.row($0, in: tokens) } ?? TokenIndex.noRow
    guard row != TokenIndex.noRow else {
      throw RecordingError(
        file: tablePath(table), place: "token", found: "no \(token)", expected: "a known token")
    }
    return Int(row)
  }

  private func annotation(_ row: Int) -> Annotation {
    let table = tables.annotations
    let none = TokenIndex.noRow
    func token(_ row: UInt32) -> String? { row == none ? nil : tables.pool.text(table.tokens[Int(row)]) }
    let instance = Int(table.instance[row])
    let attribute = table.attribute[row]
    let visibility = table.visibility[row]
    return Annotation(
      token: tables.pool.text(table.tokens[row]),
      sampleToken: tables.pool.text(tables.samples.tokens[Int(table.sample[row])]),
      instanceToken: tables.pool.text(tables.instances.tokens[instance]),
      category: tables.categories[Int(tables.instances.category[instance])].name,
      attribute: attribute == none ? nil : tables.attributes[Int(attribute)],
      visibility: visibility == none ? "" : tables.visibilities[Int(visibility)], box: table.box(row),
      lidarPointCount: Int(table.lidarPoints[row]), radarPointCount: Int(table.radarPoints[row]),
      previousToken: token(table.previous[row]), nextToken: token(table.next[row]))
  }
}
