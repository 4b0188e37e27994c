extension Lowering {
  func lowerResize(_ node: PlanGraph.Node, _ o: Operator.Resize) throws -> Bool { false }
}
