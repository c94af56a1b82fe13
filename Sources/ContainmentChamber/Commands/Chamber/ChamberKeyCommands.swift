// SPDX-License-Identifier: Apache-2.0
internal import Arguments
internal import Foundation
internal import JSON

/// `keys generate`, `list`, `activate`, `deactivate` and `delete`: the encrypted keys of a running signer.
enum ChamberKeyCommands {
    private static let usualBatch = 100
    /// Characters of a request identifier that the API takes; some are for the number of the batch.
    private static let longestIdentifier = 64 - 6

    // MARK: New keys

    /// Makes keys, some at a time. Each batch has an identifier made out of the request's, so that the whole can be run again
    /// after it was cut off, and what was made before is not made twice.
    static func generate(_ invocation: Invocation) throws(Failure) {
        guard let count = invocation["count"].flatMap({ Int($0) }), (1...1_000_000).contains(count) else {
            throw Failure("--count is how many keys are made: 1 to 1000000", exitCode: .usage)
        }
        let identifier = try identifier(invocation)
        let size = try SignerKeys.batch(invocation, otherwise: usualBatch)
        let api = try SignerKeys.connection(invocation, scope: "chamber_keys_generate", verb: "generate")
        var outcomes: [SignerKeys.Outcome] = []
        var progress = ProgressLine("generating", total: count, "keys", unit: "keys")
        for (number, first) in stride(from: 0, to: count, by: size).enumerated() {
            let body: JSONOutput = [
                "count": .integer(min(size, count - first)), "status": .string(status(invocation)),
                "request_id": .string("\(identifier)-\(number)"),
            ]
            let made: [SignerKeys.Outcome]
            do throws(Failure) {
                // The signer to which it went first may still be at work, although its answer was lost.
                let answer = try api.send(
                    "POST",
                    SignerKeys.path + "/generate",
                    body: body.bytes,
                    waitingFor: "request_in_progress"
                )
                made = try SignerKeys.outcomes(answer)
            } catch {
                // What was answered until now nobody tells again.
                SignerKeys.show(outcomes, invocation)
                Output.complain(
                    "\(first) of \(count) keys were answered; run it again with --request-id \(identifier), the same --count and the same --batch: what was made is not made twice"
                )
                throw error
            }
            outcomes += made
            progress.reached(outcomes.count)
        }
        try SignerKeys.conclude(outcomes, invocation)
    }

    private static func identifier(_ invocation: Invocation) throws(Failure) -> String {
        guard let text = invocation["request-id"] else { return UUID().uuidString.lowercased() }
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ".", "-": true
            default: false
            }
        }
        guard isPlain, (1...longestIdentifier).contains(text.utf8.count) else {
            throw Failure(
                "--request-id has 1 to \(longestIdentifier) letters, digits, and any of _ . -",
                exitCode: .usage
            )
        }
        return text
    }

    static func status(_ invocation: Invocation) -> String { invocation.isSet("inactive") ? "inactive" : "active" }

    // MARK: Looking

    static func list(_ invocation: Invocation) throws(Failure) {
        if let status = invocation["status"], !["active", "inactive"].contains(status) {
            throw Failure("--status is active or inactive", exitCode: .usage)
        }
        let api = try SignerKeys.connection(invocation, scope: "chamber_keys_list")
        var all: [SignerKeys.Row] = []
        var faults = 0
        let asJSON = invocation.isSet("json")
        try SignerKeys.forEachPage(api, status: invocation["status"]) { rows in
            faults += rows.count { $0.fault != nil }
            if asJSON { all += rows } else { rows.forEach(show) }
        }
        if asJSON { Output.json(all) }
        guard faults > 0 else { return }
        throw Failure(
            "\(faults) rows are refused and do not sign",
            hint: "each is marked with its fault; the signer's log says more",
            exitCode: .partial
        )
    }

    private static func show(_ row: SignerKeys.Row) {
        var line = [row.pubkey, row.status, row.created_at ?? "-", row.has_backup == true ? "backup" : "no backup"]
        if let name = row.name { line.append(name) }
        if let fault = row.fault { line.append("FAULT: \(fault)") }
        Output.print(line.joined(separator: "  "))
    }

    // MARK: Changing

    static func activate(_ invocation: Invocation) throws(Failure) {
        try change(invocation, "PATCH", "chamber_keys_patch", ("status", .string("active")), "activating")
    }

    static func deactivate(_ invocation: Invocation) throws(Failure) {
        try change(invocation, "PATCH", "chamber_keys_patch", ("status", .string("inactive")), "deactivating")
    }

    /// Removes keys for good, once that was said explicitly.
    static func delete(_ invocation: Invocation) throws(Failure) {
        guard invocation.isSet("yes") else {
            let count = try names(invocation).count
            throw Failure(
                "this removes \(count) \(count == 1 ? "key" : "keys") and any backup beside \(count == 1 ? "it" : "them") from the store for good; nothing was done",
                hint: "`keys export-backup` first, then --yes; `keys deactivate` only ends signing",
                exitCode: .usage
            )
        }
        try change(invocation, "DELETE", "chamber_keys_delete", ("remove", .boolean(true)), "deleting")
    }

    private static func change(
        _ invocation: Invocation,
        _ method: String,
        _ scope: String,
        _ order: (name: String, value: JSONOutput),
        _ what: String
    ) throws(Failure) {
        let names = try names(invocation)
        let size = try SignerKeys.batch(invocation, otherwise: usualBatch)
        let api = try SignerKeys.connection(invocation, scope: scope, verb: "lifecycle")
        var outcomes: [SignerKeys.Outcome] = []
        var progress = ProgressLine(what, total: names.count, "keys", unit: "keys")
        for first in stride(from: 0, to: names.count, by: size) {
            let part = names[first..<min(first + size, names.count)]
            let body = JSONOutput.object([
                (name: "pubkeys", value: .array(part.map { .string($0) })), (name: order.name, value: order.value),
            ])
            do throws(Failure) {
                outcomes += try SignerKeys.outcomes(try api.send(method, SignerKeys.path, body: body.bytes))
            } catch {
                SignerKeys.show(outcomes, invocation)
                throw error
            }
            progress.reached(outcomes.count)
        }
        try SignerKeys.conclude(outcomes, invocation)
    }

    private static func names(_ invocation: Invocation) throws(Failure) -> [String] {
        let names = try SignerKeys.names(invocation)
        guard !names.isEmpty else {
            throw Failure(
                "no key is named",
                hint: "give public keys, or a file with one a line (--file)",
                exitCode: .usage
            )
        }
        return names
    }
}
