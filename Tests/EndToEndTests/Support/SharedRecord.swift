// SPDX-License-Identifier: Apache-2.0
import PostgreSQLServer
import TestSupport
import Testing

/// What keeps a record that several signers can share.
enum RecordKind: String, CaseIterable, CustomTestStringConvertible {
    case postgres
    case dynamodb
    var testDescription: String { rawValue }

    static var allCases: [RecordKind] { [.postgres] + (MotoServer.isPresent ? [.dynamodb] : []) }

    /// Credentials that moto takes.
    static let environment = ["AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"]
}

/// A place for a record of its own, in a database or as a table.
struct SharedRecord {
    /// Of the database or the table.
    let name = "record_\(UInt64.random(in: 0 ... .max))"
    private let settings: String
    private let url: String?

    init(_ kind: RecordKind) async throws {
        switch kind {
        case .postgres:
            url = try await PostgreSQLServer.shared().createDatabase(name)
            settings = "  backend: postgres\n  url: \"file:URL\""
        case .dynamodb:
            url = nil
            let endpoint = try await MotoServer.shared.endpoint
            settings = """
                  backend: dynamodb
                  table: \(name)
                  region: eu-central-1
                  endpoint: "\(endpoint)"
                """
        }
    }

    /// The configuration of one signer on it, with a floor of its own.
    func workplace(_ keys: TestKey...) throws -> Workplace {
        let workplace = try Workplace(keys: keys)
        if let url { try workplace.write(url + "\n", to: "url") }
        let text = String(decoding: try workplace.folder.contents("config.yaml"), as: UTF8.self)
        let record = settings.replacing("URL", with: workplace.folder.file("url"))
        let floor = "  floor:\n    path: \"\(workplace.folder.file("floor.sqlite"))\""
        try workplace.write(
            text.replacing("anti_slashing:\n", with: "anti_slashing:\n\(record)\n\(floor)\n"),
            to: "config.yaml"
        )
        return workplace
    }
}
