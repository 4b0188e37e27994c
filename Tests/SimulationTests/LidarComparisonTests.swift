import Foundation
import Geometry
import Recording
import Scenes
import Testing

@testable import Simulation
