// SPDX-License-Identifier: Apache-2.0
internal import BLS
internal import Consensus
internal import Encoding
internal import Foundation
internal import HTTPServer
package import SlashingProtection

/// The administration of a slashing record as requests: what the command line sends to a running signer over its admin
/// socket. Path and query are the command, the body an interchange file where histories are taken, or a list of public
/// keys where they are given or verified. Histories come and go in parts, a request each, so that neither side ever holds
/// more than a part.
package enum RecordAdministration {
    package static let path = "/admin/v1/anti-slashing/"
    /// Bytes of a request or an answer.
    package static let largestBody = 2 << 30

    /// The name of a task on the socket; the last segment of the path.
    package enum Command: String, Sendable, CaseIterable {
        case take = "import"
        case outline = "validators"
        case give = "export"
        case verify
        case prune
        case status
        case watermark
        case reconcile
        case count
        case disable
        case enable
        case disabled
    }

    /// What a request asks for.
    package enum Request: Sendable {
        case task(AdministrativeTask)
        case reconcile(acceptingClockFloor: Bool)
    }

    /// The request that ends an alarm of the floor.
    package static func reconcileTarget(acceptingClockFloor: Bool) -> String {
        target(.reconcile, ["accept_clock_floor": "\(acceptingClockFloor)"])
    }

    /// A task as a request target and a body.
    package static func encode(_ task: AdministrativeTask) -> (target: String, body: [UInt8]) {
        switch task {
        case .take(let interchange, let dryRun):
            (target(.take, ["dry_run": "\(dryRun)"]), interchange.json())
        case .register: preconditionFailure("validators are registered by the signer itself, not by command")
        case .outline: (target(.outline), [])
        case .give(let validators): (target(.give), encode(validators))
        case .verify(let validators): (target(.verify), encode(validators))
        case .prune(let validators, let keepEpochs):
            (target(.prune, ["keep_epochs": "\(keepEpochs)"]), encode(validators))
        case .count(let validators): (target(.count), encode(validators))
        // In whose name is the running signer's to say.
        case .disable(let validators, _): (target(.disable), encode(validators))
        case .enable(let validators, let ground):
            (target(.enable, ["ground": ground == .imported ? "import" : "owner"]), encode(validators))
        case .disabled(let wanted): (target(.disabled), wanted.map { encode($0) } ?? [])
        case .status: (target(.status), [])
        case .highWatermark: (target(.watermark), [])
        case .setHighWatermark(nil): (target(.watermark, ["action": "clear_high"]), [])
        case .setHighWatermark(.some(let mark)):
            (target(.watermark, ["action": "set_high", "slot": "\(mark.slot)", "epoch": "\(mark.epoch)"]), [])
        case .raiseLowWatermarks(let slot, let epoch):
            (
                target(
                    .watermark,
                    ["action": "raise_low", "slot": slot?.description, "epoch": epoch?.description].compactMapValues(
                        \.self
                    )
                ),
                []
            )
        }
    }

    private static func encode(_ validators: [RecordIdentity]) -> [UInt8] {
        Response.json(validators.map(\.description)).body
    }

    private static func decodeValidators(_ body: [UInt8]) throws(StoreError) -> [RecordIdentity] {
        guard let texts = try? JSONDecoder().decode([String].self, from: Data(body)) else {
            throw .refused(reason: "the body is not a list of public keys")
        }
        var validators: [RecordIdentity] = []
        for text in texts {
            guard let key = try? PublicKey(hex: text) else {
                throw .refused(reason: "\(text.prefix(100)) is no public key")
            }
            validators.append(RecordIdentity(key))
        }
        return validators
    }

    private static func target(_ command: Command, _ query: [String: String] = [:]) -> String {
        let pairs = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return path + command.rawValue + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    /// What a request asks for.
    package static func decode(
        _ command: Command,
        query: [(name: String, value: String)],
        body: [UInt8]
    ) throws(StoreError) -> Request {
        if command == .reconcile {
            return .reconcile(acceptingClockFloor: query.contains { $0 == ("accept_clock_floor", "true") })
        }
        return .task(try decodeTask(command, query: query, body: body))
    }

    private static func decodeTask(
        _ command: Command,
        query: [(name: String, value: String)],
        body: [UInt8]
    ) throws(StoreError) -> AdministrativeTask {
        let query = Dictionary(query.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
        func number(_ name: String) throws(StoreError) -> UInt64? {
            guard let text = query[name] else { return nil }
            guard let number = UInt64(text) else { throw .refused(reason: "\(name) is not a number") }
            return number
        }
        switch command {
        case .take: return .take(try Interchange(json: body), dryRun: query["dry_run"] == "true")
        case .outline: return .outline
        case .give: return .give(try decodeValidators(body))
        case .verify: return .verify(try decodeValidators(body))
        case .status: return .status
        case .count: return .count(try decodeValidators(body))
        case .disable: return .disable(try decodeValidators(body), by: nil)
        case .disabled: return .disabled(among: body.isEmpty ? nil : try decodeValidators(body))
        case .enable:
            switch query["ground"] {
            case "import": return .enable(try decodeValidators(body), .imported)
            case "owner": return .enable(try decodeValidators(body), .owner(nil))
            default: throw .refused(reason: "the ground is import or owner")
            }
        case .prune:
            guard let epochs = try number("keep_epochs") else { throw .refused(reason: "keep_epochs is missing") }
            return .prune(try decodeValidators(body), keepEpochs: epochs)
        case .watermark:
            let slot = try number("slot").map { Slot($0) }
            let epoch = try number("epoch").map { Epoch($0) }
            switch query["action"] {
            case nil: return .highWatermark
            case "clear_high": return .setHighWatermark(nil)
            case "raise_low": return .raiseLowWatermarks(slot: slot, epoch: epoch)
            case "set_high":
                guard let slot, let epoch else { throw .refused(reason: "a high watermark needs a slot and an epoch") }
                return .setHighWatermark(HighWatermark(slot: slot, epoch: epoch))
            case .some(let action): throw .refused(reason: "the action \(action) is not known")
            }
        case .reconcile: preconditionFailure("reconciling is no task of a record by itself")
        }
    }

    /// An answer as a body.
    package static func encode(_ answer: AdministrativeAnswer) -> [UInt8] {
        switch answer {
        case .given(let interchange): interchange.json()
        case .outline(let outline): Response.json(OutlineDocument(outline)).body
        case .verified(let report): Response.json(report).body
        case .registered: []
        case .taken(let report): Response.json(report).body
        case .pruned(let report): Response.json(report).body
        case .status(let status): Response.json(status).body
        case .watermark(let mark): Response.json(HighWatermarkDocument(mark)).body
        case .raised(let validators): Response.json(["validators": validators]).body
        case .counted(let count): Response.json(count).body
        case .changed(let report): Response.json(report).body
        case .disabled(let validators): Response.json(validators.map { DisabledDocument($0) }).body
        }
    }

    package static func encode(_ report: ReconcileReport) -> [UInt8] { Response.json(report).body }

    /// A body as the answer to the request that ends an alarm.
    package static func decodeReport(_ body: [UInt8]) throws(StoreError) -> ReconcileReport {
        try read(ReconcileReport.self, from: body)
    }

    private static func read<Value: Decodable>(_ type: Value.Type, from body: [UInt8]) throws(StoreError) -> Value {
        do { return try JSONDecoder().decode(type, from: Data(body)) } catch {
            throw .storage(reason: "the running signer gave an answer that this program does not understand")
        }
    }

    /// A body as the answer to a task.
    package static func decode(_ body: [UInt8], for task: AdministrativeTask) throws(StoreError) -> AdministrativeAnswer
    {
        func read<Value: Decodable>(_ type: Value.Type) throws(StoreError) -> Value { try Self.read(type, from: body) }
        switch task {
        case .take(let interchange, _):
            var report = try read(ImportReport.self)
            // What this side could not read was never sent, so the running signer knows nothing of it.
            report.unreadable += interchange.unreadable
            return .taken(report)
        case .register: return .registered
        case .outline: return .outline(try read(OutlineDocument.self).outline())
        case .give: return .given(try Interchange(json: body))
        case .verify: return .verified(try read(VerificationReport.self))
        case .prune: return .pruned(try read(PruningReport.self))
        case .status: return .status(try read(RecordStatus.self))
        case .highWatermark, .setHighWatermark: return .watermark(try read(HighWatermarkDocument.self).mark)
        case .raiseLowWatermarks: return .raised(validators: try read([String: Int].self)["validators"] ?? 0)
        case .count: return .counted(try read(RecordCount.self))
        case .disable, .enable: return .changed(try read(EnablingReport.self))
        case .disabled:
            var disabled: [DisabledValidator] = []
            for document in try read([DisabledDocument].self) { disabled.append(try document.validator()) }
            return .disabled(disabled)
        }
    }
}

/// Whose histories there are, as it is sent.
struct OutlineDocument: Codable {
    let genesisValidatorsRoot: String
    let validators: [String]

    init(_ outline: RecordOutline) {
        genesisValidatorsRoot = outline.genesisValidatorsRoot.description
        validators = outline.validators.map(\.description)
    }

    func outline() throws(StoreError) -> RecordOutline {
        let keys = validators.compactMap { try? PublicKey(hex: $0) }
        guard let root = try? Root(hex: genesisValidatorsRoot), keys.count == validators.count else {
            throw .storage(reason: "the running signer gave an answer that this program does not understand")
        }
        return RecordOutline(genesisValidatorsRoot: root, validators: keys.map { RecordIdentity($0) })
    }
}

/// A disabled validator, as it is sent and printed.
package struct DisabledDocument: Codable, Sendable {
    package let publicKey: String
    /// Of the instance that disabled it, where that is known: its identifier and its name.
    package let instance: String?
    package let name: String?

    package init(_ validator: DisabledValidator) {
        publicKey = validator.record.description
        instance = validator.instance?.digits
        name = validator.instance?.name
    }

    fileprivate func validator() throws(StoreError) -> DisabledValidator {
        guard let key = try? PublicKey(hex: publicKey) else {
            throw .storage(reason: "the running signer gave an answer that this program does not understand")
        }
        let identifier = instance.flatMap { digits -> Bytes<16>? in try? Hex.decode(digits) }
        return DisabledValidator(
            RecordIdentity(key),
            by: identifier.map { FloorInstance(identifier: $0, name: name ?? "") }
        )
    }
}

/// The high watermark in Web3Signer's form (web3signer.md §2.3): numbers as strings, nothing where none is set.
package struct HighWatermarkDocument: Codable, Sendable {
    package let epoch: String?
    package let slot: String?

    package init(_ mark: HighWatermark?) {
        epoch = mark?.epoch.description
        slot = mark?.slot.description
    }

    package var mark: HighWatermark? {
        guard let slot = slot.flatMap(UInt64.init), let epoch = epoch.flatMap(UInt64.init) else { return nil }
        return HighWatermark(slot: Slot(slot), epoch: Epoch(epoch))
    }
}
