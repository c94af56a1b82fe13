// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import BLS
internal import Encoding
internal import Foundation

/// What the API of a chamber's keys answers, and how commands show it.
enum SignerKeys {
    static let path = "/api/v1/chamber/keys"
    /// Why there is nothing of a chamber.
    static let noStore =
        "the signer's configuration names no store of encrypted keys: key_sources.sqlite, .postgres or .dynamodb"

    /// What came of one key.
    struct Outcome: Codable {
        var pubkey: String?
        var status: String
        var message: String?
        var derivation_path: String?
        var has_backup: Bool?
        /// The file that it came from or went to; ours, not the API's.
        var file: String?

        var isGood: Bool { status != "error" && status != "not_found" }
    }
    private struct Outcomes: Decodable { let data: [Outcome] }

    /// A key as it is listed.
    struct Row: Codable {
        let pubkey: String
        let status: String
        let created_at: String?
        let updated_at: String?
        let version: String?
        let name: String?
        let has_backup: Bool?
        let fault: String?
        let encrypted_mnemonic: String?
    }
    private struct Page: Decodable {
        let data: [Row]
        let next: String?
    }

    /// - Parameters:
    ///   - scope: what the token's policies need.
    ///   - verb: the part of `chamber.keys` that has to be enabled; nil where nothing has.
    static func connection(
        _ invocation: Invocation,
        scope: String,
        verb: String? = nil,
        patience: Duration = .seconds(660)
    ) throws(Failure) -> SignerConnection {
        let missing =
            verb.map { "chamber.keys.\($0).enabled: true serves this, beside a store of encrypted keys" } ?? noStore
        return try SignerConnection(
            invocation,
            patience: patience,
            hints: [
                "403": "the token's policies need the scope \(scope)", "404": missing, "405": missing,
                "413": "--batch takes fewer keys at a time",
                "sealed": "containment-chamber operator status says why and what ends it",
                "master_key_rotating": "containment-chamber operator status says how far the rotation has come",
            ]
        )
    }

    static func outcomes(_ answer: [UInt8]) throws(Failure) -> [Outcome] {
        try OperatorCommands.decode(Outcomes.self, answer).data
    }

    /// Goes through all keys, page by page.
    static func forEachPage(
        _ api: SignerConnection,
        status: String? = nil,
        withBackups: Bool = false,
        _ body: ([Row]) throws(Failure) -> Void
    ) throws(Failure) {
        var after: String?
        repeat {
            var query = "?limit=1000"
            if let status { query += "&status=\(status)" }
            if withBackups { query += "&include=encrypted_mnemonic" }
            if let after { query += "&after=\(after)" }
            let page = try OperatorCommands.decode(Page.self, try api.send("GET", path + query))
            try body(page.data)
            after = page.next
        } while after != nil
    }

    // MARK: Which keys

    /// The public keys of the arguments and of the file of `--file`, each once.
    static func names(_ invocation: Invocation) throws(Failure) -> [String] {
        var texts = invocation.positionals.map { ($0, "") }
        if let path = invocation["file"] {
            let lines = try readText(path, largest: 64 << 20).split(
                omittingEmptySubsequences: false,
                whereSeparator: \.isNewline
            )
            for (number, line) in lines.enumerated() {
                let text = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
                if !text.isEmpty { texts.append((text, "\(path), line \(number + 1): ")) }
            }
        }
        var names: [String] = []
        var known: Set<String> = []
        for (text, place) in texts {
            guard let bytes: Bytes<48> = try? Hex.decode(text) else {
                throw Failure("\(place)\(text.prefix(120)) is no public key: 96 hexadecimal digits", exitCode: .usage)
            }
            let name = Hex.encode(bytes.span, prefix: true)
            if known.insert(name).inserted { names.append(name) }
        }
        return names
    }

    /// How many keys one request is about.
    static func batch(_ invocation: Invocation, otherwise usual: Int) throws(Failure) -> Int {
        guard let text = invocation["batch"] else { return usual }
        guard let count = Int(text), (1...1000).contains(count) else {
            throw Failure("--batch \(text) is not a number from 1 to 1000", exitCode: .usage)
        }
        return count
    }

    // MARK: What came of them

    /// Shows every outcome and ends with what it says as a whole.
    static func conclude(_ outcomes: [Outcome], _ invocation: Invocation) throws(Failure) {
        show(outcomes, invocation)
        var counts: [String: Int] = [:]
        for outcome in outcomes { counts[outcome.status, default: 0] += 1 }
        let summary = counts.sorted { $0.key < $1.key }.map { "\($0.value) \(words($0.key))" }.joined(separator: ", ")
        let bad = outcomes.count { !$0.isGood }
        guard bad > 0 else { return Output.complain(summary) }
        throw Failure(
            "not all was done: \(summary)",
            hint: "each line above says why; what was done is not done twice when the same command is run again",
            exitCode: bad < outcomes.count ? .partial : .failure
        )
    }

    static func show(_ outcomes: [Outcome], _ invocation: Invocation) {
        if invocation.isSet("json") { return Output.json(outcomes) }
        for outcome in outcomes { show(outcome) }
    }

    private static func show(_ outcome: Outcome) {
        var line = [outcome.pubkey ?? outcome.file ?? "?", words(outcome.status)]
        if outcome.pubkey != nil, let file = outcome.file { line.append(file) }
        if outcome.has_backup == true { line.append("with backup") }
        if let message = outcome.message, !message.isEmpty { line.append(message) }
        Output.print(line.joined(separator: "  "))
    }

    private static func words(_ status: String) -> String { status.replacing("_", with: " ") }
}
