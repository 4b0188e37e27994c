import CameraInput
import Recording
import Scenes

/// Opens one file of each channel of a dataroot, and says what is odd about it.
struct ChannelSamples {
  private var seen: Set<String> = []

  /// What the first file that is there says, for each of a scene's channels that has not been looked at before.
  /// - Throws: `ImageError` where no decoder can be made; what is wrong with a file is a sentence, and no error.
  mutating func oddities(of scene: Scene, in dataset: Dataset) throws -> [String] {
    var found: [String] = []
    var decoder = try ImageDecoder()
    for data in scene.measurements
    where data.sensor.modality != .radar && !seen.contains(data.sensor.channel) {
      do {
        switch data.sensor.modality {
        case .lidar:
          let (points, note) = try dataset.recognizedPointCloud(data)
          if let note { found.append("\(data.sensor.channel): \(data.file): \(note)") }
          if points.isEmpty { found.append("\(data.sensor.channel): \(data.file): no points") }
        case .camera:
          let size = try decoder.size(of: dataset.readFile(data.file), file: data.file)
          if let camera = data.sensor.camera, camera.width != size.width || camera.height != size.height {
            found.append(
              "\(data.sensor.channel): \(data.file): \(size.width)x\(size.height) pixels "
                + "(expected \(camera.width)x\(camera.height), as sample_data.json says)")
          }
        case .radar: break
        }
        seen.insert(data.sensor.channel)
      } catch let error as RecordingError where error.kind == .missing {
        continue  // counted among the missing files; another one may be there
      } catch {
        found.append("\(data.sensor.channel): \(error)")
        seen.insert(data.sensor.channel)
      }
    }
    return found
  }
}
