// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// What operators make with Terraform is what the signer wants. The program that applies it is not at hand here.
@Suite struct TerraformTests {
    private static let folder = ImportTests.root.appendingPathComponent("terraform")

    /// The keys of a table or an index, as the code and the module name them.
    private struct Keys: Hashable {
        let partition: String
        let sort: String?
    }

    private static func files(_ suffix: String) -> [URL] {
        let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
        return (all ?? []).filter { $0.pathExtension == suffix }
    }

    @Test func `every table of the code is made with its keys`() throws {
        let pattern = /TableKeys\(partition: \.init\("(\w+)", \.string\)(?:, sort: \.init\("(\w+)", \.string\))?\)/
        var wanted: [Keys] = []
        for file in ImportTests.sources {
            for match in file.code.joined(separator: "\n").matches(of: pattern) {
                wanted.append(Keys(partition: String(match.1), sort: match.2.map(String.init)))
            }
        }
        #expect(wanted.count >= 2)
        let module = Self.folder.appendingPathComponent("modules/tables/main.tf")
        let made = try String(contentsOf: module, encoding: .utf8).split(separator: "\n\n").flatMap { block in
            // A table's own keys stand in its first paragraph, those of an index in the index.
            block.matches(of: /hash_key\s*=\s*"(\w+)"(?:\n\s*range_key\s*=\s*"(\w+)")?/).map { match in
                Keys(partition: String(match.1), sort: match.2.map(String.init))
            }
        }
        for keys in wanted { #expect(made.contains(keys), "\(keys)") }
    }

    @Test func `what is made cannot be destroyed by mistake`() throws {
        for file in Self.files("tf") {
            let text = try String(contentsOf: file, encoding: .utf8)
            let kept = text.matches(of: /resource "(aws_dynamodb_table|aws_kms_key)"/).count
            #expect(text.matches(of: /prevent_destroy = true/).count == kept, "\(file.path)")
            let tables = text.matches(of: /resource "aws_dynamodb_table"/).count
            #expect(text.matches(of: /deletion_protection_enabled = true/).count == tables, "\(file.path)")
        }
    }

    @Test func `every file has its licence and its brackets`() throws {
        let files = Self.files("tf")
        #expect(files.count > 10)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.hasPrefix("# SPDX-License-Identifier: Apache-2.0\n"), "\(file.path)")
            for (open, close) in ["()", "[]", "{}"].map({ ($0.first, $0.last) }) {
                #expect(text.count { $0 == open } == text.count { $0 == close }, "\(file.path)")
            }
        }
    }
}
