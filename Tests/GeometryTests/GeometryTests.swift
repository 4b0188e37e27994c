import Geometry
import Testing

@Test func pointOnCellBorderGoesToUpperCell() throws {
  let cell = try #require(BEVGrid.standard.cell(x: 0, y: 0))
  #expect(cell == (128, 128))
}
