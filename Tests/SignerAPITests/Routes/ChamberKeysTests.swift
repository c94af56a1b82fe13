// SPDX-License-Identifier: Apache-2.0
import Age
import Authorization
import BLS
import Concurrency
import Consensus
import Encoding
import Foundation
import HTTPServer
import Keystores
import Mnemonics
import SealedKeys
import Sealing
import Secrets
import Signer
import SignerAPI
import SignerState
import SlashingProtection
import Telemetry
import TestSupport
import Testing

/// The chamber and its keys over real stores and real key files, without a socket.
@Suite(.timeLimit(.minutes(2))) struct ChamberKeysTests {
    // MARK: Making

    @Test func `new keys are durable, signed with, and found again by the next start`() async throws {
        let rig = try await ChamberRig()
        let first = try await rig.start()
        let made = try await first.send(.post, "/generate", #"{"count":3}"#)
        #expect(made.map(\.status) == ["generated", "generated", "generated"])
        let keys = made.compactMap(\.pubkey)
        #expect(Set(keys).count == 3 && Set(first.loaded) == Set(keys))
        let second = try await rig.start()
        #expect(second.chamber.isOpen && Set(second.loaded) == Set(keys))
        #expect(try await second.list().map(\.pubkey) == keys.sorted())
    }

    @Test func `the same request again makes nothing new, another under its name is refused`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        let body = #"{"count":2,"request_id":"first.batch-1"}"#
        let made = try await one.send(.post, "/generate", body)
        #expect(made.map(\.status) == ["generated", "generated"])
        for instance in [one, try await rig.start()] {
            let again = try await instance.send(.post, "/generate", body)
            #expect(again.map(\.status) == ["existing", "existing"])
            #expect(Set(again.map(\.pubkey)) == Set(made.map(\.pubkey)))
        }
        let other = await one.answer(.post, "/generate", #"{"count":3,"request_id":"first.batch-1"}"#)
        #expect(other.status == 409 && other.text.contains("request_id_used"))
        #expect(try await one.list().count == 2)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"count":0}"#, #"{"count":101}"#, #"{"count":1.5}"#, #"{"count":"1"}"#,
        #"{"count":1,"count":1}"#,
        #"{"count":1,"status":"paused"}"#, #"{"count":1,"request_id":""}"#, #"{"count":1,"request_id":"a b"}"#,
        #"{"count":1,"conut":1}"#, #"{"count":18446744073709551616}"#, #"{"count":-1}"#,
    ])
    func `a body that is not what it should be makes nothing`(_ body: String) async throws {
        let instance = try await ChamberRig().start()
        let answer = await instance.answer(.post, "/generate", body)
        #expect(answer.status == 400 && answer.text.contains("invalid_request"), "\(answer.text)")
        #expect(try await instance.list().isEmpty)
    }

    @Test func `each recipient of a backup makes the key of it again, alone`() async throws {
        let owners = [try AgeIdentity.generate(), try AgeIdentity.generate()]
        let rig = try await ChamberRig(owners.map { "\($0.recipient)" })
        let instance = try await rig.start()
        let made = try await instance.send(.post, "/generate", #"{"count":2}"#)
        #expect(made.map(\.has_backup) == [true, true])
        #expect(try await instance.list().allSatisfy { $0.encrypted_mnemonic == nil })
        let arena = SecretArena()
        for row in try await instance.list("?include=encrypted_mnemonic") {
            let file = Array(try #require(row.encrypted_mnemonic).utf8)
            for owner in owners {
                let text = try AgeFile.decrypt(file.span, with: [owner])
                let words = try Mnemonic(reading: text.span)
                #expect(words.wordCount == 24)
                let key = try GeneratedKey(from: words, path: .signing(validator: 0), arena: arena)
                #expect("\(key.key.publicKey)" == row.pubkey)
            }
        }
    }

    // MARK: Importing

    @Test func `plain keys and keystores come in, each with its own answer`() async throws {
        let instance = try await ChamberRig().start()
        let scalar = String(repeating: "0", count: 63) + "7"
        let zero = String(repeating: "0", count: 64)
        let body =
            #"{"private_keys":["0x\#(scalar)","\#(zero)","\#(scalar)"],"keystores":["{}"],"passwords":["password"]}"#
        let answers = try await instance.send(.post, "", body)
        #expect(answers.map(\.status) == ["error", "imported", "error", "duplicate"])
        let key = try #require(answers[1].pubkey)
        #expect(instance.loaded == [key])
        #expect(try await instance.send(.post, "", #"{"private_keys":["\#(scalar)"]}"#).map(\.status) == ["duplicate"])
        // Deleted for ever, it can come back.
        let delete = #"{"pubkeys":["\#(key)"],"remove":true}"#
        #expect(try await instance.send(.delete, "", delete).map(\.status) == ["deleted"])
        #expect(instance.loaded.isEmpty)
        #expect(try await instance.send(.delete, "", delete).map(\.status) == ["not_found"])
        #expect(try await instance.send(.post, "", #"{"private_keys":["\#(scalar)"]}"#).map(\.status) == ["imported"])
        #expect(instance.loaded == [key])
    }

    @Test func `history from ahead of the clock keeps the keys out`() async throws {
        let instance = try await ChamberRig().start()
        let (root, other) = ("0x" + String(repeating: "0", count: 64), try Key(9).name)
        let history = #"""
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\#(root)"},"data":[{"pubkey":"\#(other)",\#
            "signed_blocks":[{"slot":"96"}],"signed_attestations":[]}]}
            """#
        let body = try JSONSerialization.data(withJSONObject: [
            "private_keys": [String(repeating: "0", count: 63) + "7"], "slashing_protection": history,
        ])
        let answer = await instance.answer(.post, "", String(decoding: body, as: UTF8.self))
        #expect(answer.status == 400 && answer.text.contains("\(other) has a block at slot 96"), "\(answer.text)")
        #expect(instance.loaded.isEmpty)
    }

    @Test func `what is not to be kept is in memory only`() async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        let body = #"{"private_keys":["\#(String(repeating: "0", count: 63))9"],"storage":{"persist":false}}"#
        #expect(try await instance.send(.post, "", body).map(\.status) == ["imported"])
        #expect(instance.loaded.count == 1)
        #expect(try await instance.list().isEmpty)
        #expect(try await rig.start().loaded.isEmpty)
    }

    @Test func `a key in memory only is not imported as one that does not sign`() async throws {
        let instance = try await ChamberRig().start()
        let key = String(repeating: "0", count: 63) + "9"
        let body = #"{"private_keys":["\#(key)"],"storage":{"persist":false},"status":"inactive"}"#
        let answer = await instance.answer(.post, "", body)
        #expect(answer.status == 400 && answer.text.contains("storage.persist"), "\(answer.text)")
        #expect(instance.loaded.isEmpty)
    }

    @Test(arguments: [true, false])
    func `a key in memory only can be deleted, and has no status to change`(_ removes: Bool) async throws {
        let instance = try await ChamberRig().start()
        let scalar = String(repeating: "0", count: 63) + "9"
        let body = #"{"private_keys":["\#(scalar)"],"storage":{"persist":false}}"#
        let key = try #require(try await instance.send(.post, "", body).first?.pubkey)
        for status in ["active", "inactive"] {
            let change = #"{"pubkeys":["\#(key)"],"status":"\#(status)"}"#
            let answer = try await instance.send(.patch, "", change)
            #expect(answer.map(\.status) == ["error"] && answer[0].message.contains("memory only"))
        }
        #expect(instance.loaded == [key])
        let delete = #"{"pubkeys":["\#(key)"],"remove":\#(removes)}"#
        #expect(try await instance.send(.delete, "", delete).map(\.status) == ["deleted"])
        #expect(instance.loaded.isEmpty)
        #expect(try await instance.send(.delete, "", delete).map(\.status) == ["not_found"])
        #expect(try await instance.send(.post, "", body).map(\.status) == ["imported"])
    }

    // MARK: Changing

    @Test func `a key that is deactivated is off the ring when that is answered, elsewhere when it is looked`()
        async throws
    {
        let rig = try await ChamberRig()
        let (here, there) = (try await rig.start(), try await rig.start())
        let keys = try await here.send(.post, "/generate", #"{"count":4}"#).compactMap(\.pubkey)
        try await there.ring.refresh()
        #expect(Set(there.loaded) == Set(keys))
        let change = #"{"pubkeys":["\#(keys[0])","\#(keys[1])"],"status":"inactive"}"#
        #expect(try await here.send(.patch, "", change).map(\.status) == ["deactivated", "deactivated"])
        #expect(Set(here.loaded) == Set(keys[2...]))
        #expect(Set(there.loaded) == Set(keys))
        try await there.ring.refresh()
        #expect(Set(there.loaded) == Set(keys[2...]))
        #expect(try await there.send(.patch, "", change).map(\.status) == ["unchanged", "unchanged"])
        let back = #"{"pubkeys":["\#(keys[0])"],"status":"active"}"#
        #expect(try await there.send(.patch, "", back).map(\.status) == ["activated"])
        try await here.ring.refresh()
        #expect(Set(here.loaded) == Set([keys[0]] + keys[2...]))
        // Deleting without `remove` only deactivates.
        let delete = #"{"pubkeys":["\#(keys[2])","0x12"]}"#
        #expect(try await here.send(.delete, "", delete).map(\.status) == ["deactivated", "error"])
        #expect(try await here.list("?status=inactive").count == 2)
    }

    @Test func `pages follow one another, and what is not known in a query is refused`() async throws {
        let instance = try await ChamberRig().start()
        let keys = try await instance.send(.post, "/generate", #"{"count":5}"#).compactMap(\.pubkey).sorted()
        var seen: [String] = []
        var after = ""
        repeat {
            let answer = await instance.answer(.get, "?limit=2" + after)
            let page = try JSONDecoder().decode(Page.self, from: Data(answer.body))
            #expect(page.data.count <= 2)
            seen += page.data.map(\.pubkey)
            after = page.next.map { "&after=\($0)" } ?? ""
        } while !after.isEmpty
        #expect(seen == keys)
        for query in ["?limit=0", "?limit=1001", "?limit=x", "?after=12", "?status=off", "?page=2", "?limit=1&limit=2"]
        {
            #expect(await instance.answer(.get, query).status == 400, "\(query)")
        }
    }

    // MARK: Sealing

    @Test func `while the chamber is sealed nothing is done with keys`() async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        _ = try await instance.send(.post, "/generate", #"{"count":1}"#)
        _ = await instance.chamber.seal()
        #expect(instance.loaded.isEmpty)
        let requests: [(Method, String, String)] = [
            (.get, "", ""), (.post, "/generate", #"{"count":1}"#),
            (.post, "", #"{"private_keys":["\#(String(repeating: "0", count: 63))9"]}"#),
            (.patch, "", #"{"pubkeys":["0x12"],"status":"active"}"#), (.delete, "", #"{"pubkeys":["0x12"]}"#),
        ]
        for (method, path, body) in requests {
            let answer = await instance.answer(method, path, body)
            #expect(answer.status == 503 && answer.text.contains("sealed"), "\(method) \(path): \(answer.text)")
        }
        try await instance.chamber.unseal()
        #expect(instance.loaded.count == 1)
    }

    @Test func `a master key that is gone opens nothing, and that is said`() async throws {
        let instance = try await ChamberRig().start()
        let master = MasterKey.random(MasterKeyIdentity(chamber: .random(), generation: 1))
        master.destroy()
        await #expect(throws: ChamberContentsError.self) { try await instance.ring.load(under: MasterKeys(master)) }
    }

    // MARK: A new master key

    @Test func `every row is encrypted anew, and signed with all the while`() async throws {
        let rig = try await ChamberRig()
        let (one, two) = (try await rig.start(), try await rig.start())
        let keys = try await one.send(.post, "/generate", #"{"count":100}"#).compactMap(\.pubkey)
        let gone = #"{"pubkeys":["\#(keys[0])"],"remove":true}"#
        _ = try await one.send(.delete, "", gone)
        _ = try await one.send(.patch, "", #"{"pubkeys":["\#(keys[1])"],"status":"inactive"}"#)
        try await two.ring.refresh()
        let answer = await one.rotate()
        #expect(answer.status == 200, "\(answer.text)")
        while one.chamber.status.record?.current.generation != 2 {
            #expect(one.loaded.count == 98)
            try await Task.sleep(for: .milliseconds(5))
        }
        await one.chamber.settle()
        let rows = try await rig.keys.page(after: nil, limit: 200, status: nil)
        #expect(rows.count == 99 && rows.allSatisfy { $0.keyGeneration == 2 })
        #expect(one.loaded.count == 98 && one.ring.faults.isEmpty)
        // The other one follows, and so does a start.
        try await two.chamber.refresh()
        await two.chamber.settle()
        try await two.ring.refresh()
        #expect(two.chamber.isOpen && two.loaded.count == 98 && two.ring.faults.isEmpty)
        let three = try await rig.start()
        #expect(three.loaded.count == 98 && three.ring.faults.isEmpty)
        // A deleted key stays deleted, and one that is made now lies under the new key.
        #expect(!three.loaded.contains(keys[0]))
        _ = try await two.send(.post, "/generate", #"{"count":1}"#)
        let newest = try await rig.keys.page(after: nil, limit: 200, status: nil)
        #expect(newest.count == 100 && newest.allSatisfy { $0.keyGeneration == 2 })
    }

    @Test func `a row that was tampered with keeps the old master key until it is restored or removed`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        _ = try await one.send(.post, "/generate", #"{"count":3}"#)
        let good = try await rig.keys.page(after: nil, limit: 2, status: nil)
        for var edited in good {
            edited.version = 2
            edited.createdAt += 1
            #expect(try await rig.keys.apply([.standing(edited)]) == [.done])
        }
        _ = await one.rotate()
        while one.chamber.status.rekeying?.reason == nil { try await Task.sleep(for: .milliseconds(5)) }
        #expect(one.chamber.status.rekeying?.reason?.contains("\(good[0].publicKey)") == true)
        #expect(one.chamber.status.record?.next != nil && one.loaded.count == 3)
        // One is restored, the other one removed.
        let sealer = try KeyRowSealer(try one.chamber.masterKeys())
        var restored = good[0]
        restored = try sealer.renewed(restored)
        restored = try sealer.successor(of: restored, status: .active, at: 1)
        #expect(try await rig.keys.apply([.standing(restored)]) == [.done])
        let delete = #"{"pubkeys":["\#(good[1].publicKey)"],"remove":true}"#
        #expect(try await one.send(.delete, "", delete).map(\.status) == ["deleted"])
        while one.chamber.status.record?.current.generation != 2 {
            one.chamber.continueRekeying()
            try await Task.sleep(for: .milliseconds(5))
        }
        await one.chamber.settle()
        let next = try await rig.start()
        #expect(next.loaded.count == 2 && next.ring.faults.isEmpty)
    }

    @Test func `a row of before the rotation that is put back is refused`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        _ = try await one.send(.post, "/generate", #"{"count":1}"#)
        var old = try await rig.keys.page(after: nil, limit: 1, status: nil)[0]
        _ = await one.rotate()
        while one.chamber.status.record?.current.generation != 2 { try await Task.sleep(for: .milliseconds(5)) }
        await one.chamber.settle()
        old.version = 3
        #expect(try await rig.keys.apply([.standing(old)]) == [.outdated])
        // Somebody who writes past the fence.
        old.keyGeneration = 9
        #expect(try await rig.keys.apply([.standing(old)]) == [.done])
        let next = try await rig.start()
        #expect(next.loaded.isEmpty && next.ring.faults.map(\.fault) == [.otherGeneration])
    }

    @Test func `without the next master key what takes a key away is believed, and nothing is written`() async throws {
        let rig = try await ChamberRig()
        let one = try await rig.start()
        let keys = try await one.send(.post, "/generate", #"{"count":3}"#).compactMap(\.pubkey)
        // Rows as another instance would write them that has the next key.
        let identity = try one.chamber.masterKeys().current.identity
        let next = MasterKey.random(MasterKeyIdentity(chamber: identity.chamber, generation: 2))
        let sealer = try KeyRowSealer(MasterKeys(try one.chamber.masterKeys().current, next: next))
        let rows = try await rig.keys.page(after: nil, limit: 10, status: nil)
        let renewed = try rows.map { try sealer.renewed($0) }
        _ = try await rig.keys.apply(renewed.map { .standing($0) })
        try await one.ring.refresh()
        #expect(Set(one.loaded) == Set(keys) && one.ring.faults.isEmpty)
        let inactive = try sealer.successor(of: renewed[0], status: .inactive, at: 1)
        let deleted = try sealer.tombstone(of: renewed[1], at: 1)
        _ = try await rig.keys.apply([.standing(inactive), .deleted(deleted)])
        try await one.ring.refresh()
        #expect(one.loaded == ["\(renewed[2].publicKey)"])
    }

    // MARK: Tampering

    @Test func `rows that the chamber did not write are refused and told, and the others sign`() async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        let keys = try await instance.send(.post, "/generate", #"{"count":3}"#).compactMap(\.pubkey)
        let rows = try await rig.keys.page(after: nil, limit: 10, status: nil)
        var edited = rows[0]
        edited.version = 2
        edited.createdAt += 1
        #expect(try await rig.keys.apply([.standing(edited)]) == [.done])
        try await instance.ring.refresh()
        // What was right before goes on here.
        #expect(Set(instance.loaded) == Set(keys))
        #expect(instance.ring.faults.map(\.fault) == [.tampered])
        let next = try await rig.start()
        #expect(next.chamber.isOpen && next.loaded.count == 2)
        #expect(next.ring.faults.map(\.fault) == [.tampered] && next.told.count == 1)
        let listed = try await next.list().filter { $0.fault != nil }
        #expect(listed.map(\.fault) == ["tampered"])
        // And is not made good by a change.
        let change = #"{"pubkeys":["\#(listed[0].pubkey)"],"status":"inactive"}"#
        #expect(try await next.send(.patch, "", change).map(\.status) == ["error"])
    }

    @Test func `a deleted key that is put back is noticed by who has seen its end`() async throws {
        let rig = try await ChamberRig()
        let instance = try await rig.start()
        let key = try #require(try await instance.send(.post, "/generate", #"{"count":1}"#).first?.pubkey)
        let row = try await rig.keys.page(after: nil, limit: 1, status: nil)[0]
        _ = try await instance.send(.delete, "", #"{"pubkeys":["\#(key)"],"remove":true}"#)
        #expect(instance.loaded.isEmpty)
        var old = row
        old.version = try #require(try await rig.keys.entries(of: [row.publicKey]).first).version + 1
        #expect(try await rig.keys.apply([.standing(old)]) == [.done])
        try await instance.ring.refresh()
        #expect(instance.loaded.isEmpty && instance.ring.faults.map(\.fault) == [.tampered])
    }
}

struct KeyAnswer: Decodable {
    let pubkey: String?
    let status: String
    let message: String
    let has_backup: Bool?
}

private struct Answers: Decodable { let data: [KeyAnswer] }

struct ListedKey: Decodable {
    let pubkey: String
    let status: String
    let fault: String?
    let encrypted_mnemonic: String?
}

private struct Page: Decodable {
    let data: [ListedKey]
    let next: String?
}

/// Stores that several instances of a chamber share, and the files of its three keys.
final class ChamberRig: Sendable {
    let folder: TemporaryFolder
    let state: SQLiteState
    var keys: SQLiteSealedKeys { stores.withLock { $0[$0.count - 1] } }
    /// Of the keys: the last one is what instances start with.
    let stores: Lock<[SQLiteSealedKeys]>
    /// Seconds since 1970, of all instances.
    let clock = Lock<UInt64>(1_790_000_000)
    private let names: [KeyName]
    private let isInitialized = Lock(false)

    private let recipients: BackupRecipients?
    private let protection: SlashingProtection
    private let statuses: Set<SealedKeyStatus>

    /// - Parameters:
    ///   - recipients: of backups; none for no backups.
    ///   - record: of what was signed, where a test looks at it.
    ///   - statuses: of the keys that sign.
    init(
        _ recipients: [String] = [],
        record: any RecordStore = NoopStore(),
        statuses: Set<SealedKeyStatus> = [.active]
    ) async throws {
        self.statuses = statuses
        protection = SlashingProtection(store: record)
        self.recipients = recipients.isEmpty ? nil : try BackupRecipients(recipients)
        let folder = try TemporaryFolder()
        self.folder = folder
        state = try SQLiteState(path: folder.file("state"))
        stores = Lock([try SQLiteSealedKeys(path: folder.file("keys"), createIfMissing: true)])
        names = try (1...3).map { try KeyName("local:\(folder.file("key\($0)"))") }
        for name in names { try LocalKey.makeFile(for: name) }
    }

    /// An instance that is open.
    ///
    /// - Parameters:
    ///   - power: what its writes end with.
    ///   - stalled: what it has its keys in.
    ///   - other: what it has the signer state in.
    ///   - opens: whether it is to be open.
    func start(
        _ power: Power? = nil,
        keys stalled: StalledKeys? = nil,
        state other: (any StateStore)? = nil,
        opens: Bool = true
    ) async throws -> Instance {
        let instance =
            if let power {
                Instance(CutState(state, power), CutKeys(keys, power), statuses, recipients, protection, clock)
            } else {
                Instance(other ?? state, stalled ?? keys, statuses, recipients, protection, clock)
            }
        try await instance.chamber.refresh()
        await instance.chamber.settle()
        let isFirst = isInitialized.withLock { done in
            defer { done = true }
            return !done
        }
        if isFirst { try await instance.chamber.initialize(keys: names, threshold: 2) }
        #expect(instance.chamber.isOpen == opens, "\(instance.chamber.status)")
        return instance
    }

    /// A chamber whose operators are to register.
    func beginning(_ operators: [OperatorName], tokens: [SecretBox]) async throws -> Instance {
        let instance = Instance(state, keys, statuses, recipients, protection, clock)
        try await instance.chamber.refresh()
        await instance.chamber.settle()
        try await instance.chamber.initialize(
            keys: names,
            threshold: 2,
            operators: operators,
            operatorThreshold: 2,
            tokens: tokens
        )
        return instance
    }

    final class Instance: Sendable {
        let chamber: Chamber
        let ring: SealedKeyring
        private let keyring = Keyring()
        private let router: HTTPRouter<Scope, Access>
        let routes: [Route<Scope, Access>]
        /// Of the admin socket.
        var administrationRoutes: [Route<Scope, Access>] {
            ChamberRoutes(chamber, audit: FakeTrail()).administrationRoutes
        }
        private let reports: Lock<[SealedKeyring.Report]>

        init(
            _ state: any StateStore,
            _ keys: any SealedKeyStore,
            _ statuses: Set<SealedKeyStatus>,
            _ recipients: BackupRecipients?,
            _ protection: SlashingProtection,
            _ clock: Lock<UInt64>
        ) {
            let (authority, arena) = (Authority(), SecretArena())
            let reports = Lock<[SealedKeyring.Report]>([])
            self.reports = reports
            let ring = SealedKeyring(
                store: keys,
                withdrawn: WithdrawnKeys(store: state),
                source: KeySourceName.sqlite,
                statuses: statuses,
                arena: arena,
                keyring: keyring,
                authority: authority,
                protection: protection
            ) { report in reports.withLock { $0.append(report) } }
            self.ring = ring
            let wrappers = KeyWrappers(KeyWrapperSettings())
            let chamber = Chamber(
                store: state,
                custodian: Custodian { name throws(WrappingError) in try wrappers.wrapper(for: name) },
                contents: ring,
                witness: Deaf(),
                settings: .init(grace: .zero),
                now: { 1_790_000_000 }
            )
            self.chamber = chamber
            let service = ChamberKeys(
                ring: ring,
                keyring: keyring,
                authority: authority,
                protection: protection,
                opener: KeystoreOpener(arena: arena),
                genesisValidatorsRoot: .zero,
                clock: ClockGuard(slotsPerEpoch: 32) { Epoch(2) },
                arena: arena,
                recipients: recipients,
                state: state,
                hindrance: { chamber.isOpen ? nil : "it is sealed" },
                hindranceToWriting: { await chamber.hindranceToWriting() },
                keysChanged: {},
                now: { clock.withLock { $0 } }
            )
            let verb = ChamberKeyRoutes.Verb(items: 100, requests: 4, timeout: .seconds(60))
            let routes = ChamberKeyRoutes(
                service,
                .init(listings: 4, generate: verb, importing: verb, lifecycle: verb),
                audit: FakeTrail()
            )
            self.routes = ChamberRoutes(chamber, audit: FakeTrail()).routes + routes.routes
            router = HTTPRouter(routes: self.routes) { _, _, _ in .allow(.local) }
        }

        var loaded: [String] { keyring.identifiers.map { "\($0)" } }
        var told: [SealedKeyring.PublicKeyFault] { reports.withLock { $0.flatMap(\.faults) } }

        func answer(_ method: Method, _ path: String, _ body: String = "") async -> Response {
            await router.answer(method, "/api/v1/chamber/keys" + path, body: body)
        }

        /// Begins a new master key.
        func rotate() async -> Response {
            await router.answer(.post, "/api/v1/chamber/rotate", body: #"{"kind":"master_key"}"#)
        }

        func send(_ method: Method, _ path: String, _ body: String) async throws -> [KeyAnswer] {
            let answer = await answer(method, path, body)
            #expect(answer.status == 200, "\(answer.text)")
            return try JSONDecoder().decode(Answers.self, from: Data(answer.body)).data
        }

        func list(_ query: String = "") async throws -> [ListedKey] {
            try JSONDecoder().decode(Page.self, from: Data(await answer(.get, query).body)).data
        }
    }
}

private struct Deaf: ChamberWitness {
    func changed(from old: ChamberState, to new: ChamberState, reason: String?) {}
    func shareFailed(_ failure: CustodyError.Failure) {}
    func shareGiven(by name: String) {}
    func forgotten(_ reason: String) {}
    func rekeyingFailed(_ reason: String) {}
    func recordLost() {}
}
