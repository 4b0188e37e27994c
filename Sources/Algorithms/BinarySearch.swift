/// The first number of a range for which `isReached` holds, or the range's end; once it holds it holds for all that follow.
/// - Complexity: O(log count).
@inlinable public func partitionPoint(of range: Range<Int>, where isReached: (Int) -> Bool) -> Int {
  var (low, high) = (range.lowerBound, range.upperBound)
  while low < high {
    let middle = low + (high - low) / 2
    if isReached(middle) { high = middle } else { low = middle + 1 }
  }
  return low
}
