// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Configuration
internal import Foundation
internal import Secrets

extension SecretReference {
    /// The text behind the reference, for a library that takes nothing but text: it then lies in ordinary memory. Line ends
    /// at the end of a file are left away.
    func text(for setting: String) throws(Failure) -> String {
        switch source {
        case .inline(let text): return text
        case .environment(let name):
            guard let text = ProcessInfo.processInfo.environment[name], !text.isEmpty else {
                throw Failure("\(setting) is env:\(name), but there is no such variable", exitCode: .usage)
            }
            return text
        case .file(let path):
            var reader = SecretFileReader()
            do throws(FileFailure) { _ = try reader.read(path, limit: 64 * 1024) } catch {
                throw Failure("\(setting) is file:\(path), which \(error)", exitCode: .usage)
            }
            let text = Self.text(reader.contents)
            reader.wipe()
            return text
        }
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        let text = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        return String(text.reversed().drop { $0.isNewline }.reversed())
    }
}
