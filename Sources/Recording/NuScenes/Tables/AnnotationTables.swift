import Foundation

/// Instances, annotations and lidarseg's labels.
extension TableLoader {
  mutating func loadInstances() throws {
    var pool = tables.pool
    var instances = Tables.Instances()
    var keys: [TokenKey] = []
    try eachRecord(
      "instance",
      ["token", "category_token", "nbr_annotations", "first_annotation_token", "last_annotation_token"]
    ) { fields, _ in
      instances.tokens.append(try fields.token(0, &pool))
      keys.append(try fields.reference(1, &pool))
      instances.annotationCount.append(Int32(try fields.integer(2, in: 0...Int64(Int32.max))))
      firstAnnotations.append(try fields.reference(3, &pool))
      lastAnnotations.append(try fields.reference(4, &pool))
    }
    tables.pool = pool
    instances.index = try index(instances.tokens, "instance")
    instances.category = rows(
      keys, categoryIndex, tables.categories.map(\.token), field: "instance.category_token",
      target: "category", emptyAllowed: false)
    tables.instances = instances
  }

  mutating func loadAnnotations() throws {
    var pool = tables.pool
    tables.pool = TokenPool()
    var annotations = Tables.Annotations()
    var keys: (sample: [TokenKey], instance: [TokenKey], visibility: [TokenKey]) = ([], [], [])
    var attributes: [(record: Int, key: TokenKey)] = []
    var previous: [TokenKey] = []
    var next: [TokenKey] = []
    try eachRecord(
      "sample_annotation",
      [
        "token", "sample_token", "instance_token", "visibility_token", "attribute_tokens", "translation",
        "size",
        "rotation", "num_lidar_pts", "num_radar_pts", "prev", "next",
      ]
    ) { fields, k in
      annotations.tokens.append(try fields.token(0, &pool))
      keys.sample.append(try fields.reference(1, &pool))
      keys.instance.append(try fields.reference(2, &pool))
      keys.visibility.append(fields.optional(3) == nil ? .none : try fields.reference(3, &pool))
      for key in try fields.references(4, &pool) { attributes.append((k, key)) }
      try fields.numbers(5, count: 3, into: &annotations.boxes)
      try fields.numbers(6, count: 3, into: &annotations.boxes)
      for value in annotations.boxes.suffix(3) where value < 0 {
        throw fields.error(6, "\(value)", "0 or more")
      }
      try fields.rotation(7, into: &annotations.boxes)
      annotations.lidarPoints.append(Int32(try fields.integer(8, in: 0...Int64(Int32.max))))
      annotations.radarPoints.append(Int32(try fields.integer(9, in: 0...Int64(Int32.max))))
      previous.append(try fields.reference(10, &pool))
      next.append(try fields.reference(11, &pool))
    }
    tables.pool = pool
    annotations.index = try index(annotations.tokens, "sample_annotation")
    annotations.sample = rows(
      keys.sample, tables.samples.index, tables.samples.tokens, field: "sample_annotation.sample_token",
      target: "sample", emptyAllowed: false)
    annotations.instance = rows(
      keys.instance, tables.instances.index, tables.instances.tokens,
      field: "sample_annotation.instance_token",
      target: "instance", emptyAllowed: false)
    annotations.visibility = rows(
      keys.visibility, visibilityIndex, visibilityTokens, field: "sample_annotation.visibility_token",
      target: "visibility", emptyAllowed: true)
    annotations.attribute = Array(repeating: TokenIndex.noRow, count: annotations.tokens.count)
    for (record, key) in attributes {
      let row = row(
        key, attributeIndex, tables.attributeTokens, field: "sample_annotation.attribute_tokens",
        record: record,
        target: "attribute")
      if annotations.attribute[record] == TokenIndex.noRow { annotations.attribute[record] = row }
    }
    try linkAnnotations(&annotations, previous, next)
    tables.annotations = annotations
  }

  mutating func linkAnnotations(
    _ annotations: inout Tables.Annotations, _ previous: [TokenKey], _ next: [TokenKey]
  ) throws {
    annotations.previous = rows(
      previous, annotations.index, annotations.tokens, field: "sample_annotation.prev",
      target: "sample_annotation", emptyAllowed: true)
    annotations.next = rows(
      next, annotations.index, annotations.tokens, field: "sample_annotation.next",
      target: "sample_annotation", emptyAllowed: true)
    tables.instances.first = rows(
      firstAnnotations, annotations.index, annotations.tokens, field: "instance.first_annotation_token",
      target: "sample_annotation", emptyAllowed: false)
    tables.instances.last = rows(
      lastAnnotations, annotations.index, annotations.tokens, field: "instance.last_annotation_token",
      target: "sample_annotation", emptyAllowed: false)
    firstAnnotations = []
    lastAnnotations = []
    annotations.bySample = RowGroups(owners: annotations.sample, count: tables.samples.tokens.count)
  }

  mutating func loadLidarLabels() throws {
    guard FileManager.default.fileExists(atPath: path("lidarseg")) else { return }
    var pool = tables.pool
    var entries: [(TokenKey, String)] = []
    try eachRecord("lidarseg", ["token", "sample_data_token", "filename"]) { fields, _ in
      entries.append((try fields.reference(1, &pool), try fields.string(2)))
    }
    tables.pool = pool
    for (k, (key, name)) in entries.enumerated() {
      let row = row(
        key, tables.sampleData.index, tables.sampleData.tokens, field: "lidarseg.sample_data_token",
        record: k,
        target: "sample_data")
      if row != TokenIndex.noRow { tables.lidarLabels[row] = name }
    }
  }
}
