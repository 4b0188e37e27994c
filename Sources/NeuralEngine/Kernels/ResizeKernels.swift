extension Operator.Resize {
  public func compute(_ inputs: [TensorView], _ outputs: [MutableTensorView], _ context: KernelContext) throws
  {
    throw EngineError(field: name, found: "no kernel", expected: "the one being written")
  }
}
