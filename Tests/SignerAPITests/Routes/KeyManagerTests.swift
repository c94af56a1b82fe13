// SPDX-License-Identifier: Apache-2.0
import Authorization
import BLS
import Concurrency
import Consensus
import Encoding
import Foundation
import HTTPServer
import Keystores
import Secrets
import Signer
import SignerAPI
import SlashingProtection
import Telemetry
import TestSupport
import Testing

/// `/eth/v1/keystores` over a real record, without a socket.
@Suite(.timeLimit(.minutes(2))) struct KeyManagerTests {
    // MARK: Importing

    @Test func `an imported key is listed, can be deleted and imported again, and its history stays`() async throws {
        let rig = try await Rig()
        let key = try Key(1)
        #expect(try await rig.take([key]) == ["imported"])
        #expect(
            try await rig.list() == [
                Listed(validating_pubkey: key.name, derivation_path: "m/12381/3600/0/0/0", readonly: false)
            ]
        )
        #expect(await rig.sign(key, slot: 5) == nil)
        let deleted = try await rig.delete([key.name])
        #expect(deleted.statuses == ["deleted"])
        #expect(deleted.history.validators.map(\.publicKey) == [key.publicKey])
        #expect(deleted.history.validators[0].blocks.map(\.slot) == [5])
        #expect(try await rig.list().isEmpty)
        #expect(await rig.sign(key, slot: 6) == "key_not_found")
        // Gone here, and known by what it signed.
        let again = try await rig.delete([key.name])
        #expect(again.statuses == ["not_active"] && again.history.validators.count == 1)
        #expect(try await rig.take([key]) == ["imported"])
        #expect(await rig.sign(key, slot: 5, content: 2).map { Rig.isOfRecord($0) } == true)
        #expect(await rig.sign(key, slot: 6) == nil)
    }

    @Test func `each keystore has its own answer, in order`() async throws {
        let loaded = try Key(3)
        let rig = try await Rig(loaded: [loaded])
        let keys = [try Key(1), try Key(2), loaded, try Key(1), try Key(4), try Key(5)]
        var keystores = try keys.map { try $0.keystore() }
        keystores[4] = "{}"
        keystores[5] = String(repeating: "[", count: 10_000)
        let passwords = keys.enumerated().map { $0.offset == 1 ? "wrong" : "password" }
        let answer = try await rig.send(.post, Rig.importing(keystores, passwords))
        let statuses = try rig.statuses(answer)
        #expect(answer.status == 200)
        #expect(statuses.map(\.status) == ["imported", "error", "duplicate", "duplicate", "error", "error"])
        #expect(statuses[1].message.contains("password"))
        #expect(statuses.allSatisfy { ($0.status == "imported") == $0.message.isEmpty })
        #expect(
            try await rig.list().map(\.readonly)
                == [keys[0], loaded].sorted { $0.name < $1.name }.map { $0.name == loaded.name }
        )
    }

    @Test func `a keystore that states another key than it holds is refused`() async throws {
        let rig = try await Rig()
        let (key, other) = (try Key(1), try Key(2))
        let forged = try key.keystore().replacing(key.name.dropFirst(2), with: other.name.dropFirst(2))
        let statuses = try rig.statuses(try await rig.send(.post, Rig.importing([forged], ["password"])))
        #expect(statuses.map(\.status) == ["error"])
        #expect(try await rig.list().isEmpty)
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"keystores":[]}"#, #"{"passwords":[]}"#, #"{"keystores":"x","passwords":[]}"#,
        #"{"keystores":[1],"passwords":["a"]}"#, #"{"keystores":["{}"],"passwords":[]}"#,
        #"{"keystores":["{}"],"passwords":[null]}"#, #"{"keystores":[],"keystores":["{}"],"passwords":["a"]}"#,
        #"{"keystores":["{}"],"passwords":["\u00"]}"#, "\u{FEFF}{\"keystores\":[],\"passwords\":[]}",
        #"{"keystores":[],"passwords":[],"slashing_protection":{}}"#,
        #"{"keystores":[],"passwords":[],"slashing_protection":"{}"}"#,
    ]) func `a body that is no import is 400`(_ body: String) async throws {
        let rig = try await Rig()
        let answer = try await rig.send(.post, body)
        #expect(answer.status == 400 && answer.text.contains("invalid_request"), "\(answer.text)")
    }

    @Test func `nothing to import is nothing done, and unknown names are let be`() async throws {
        let rig = try await Rig()
        let answer = try await rig.send(.post, #"{"keystores":[],"passwords":[],"slashing_protection":null,"more":{}}"#)
        #expect(answer.status == 200 && answer.text == #"{"data":[]}"#)
    }

    @Test func `more keys than a request may name are refused as a whole`() async throws {
        let rig = try await Rig { $0.items = 2 }
        let keys = try (1...3).map { try Key(UInt8($0)) }
        let answer = try await rig.send(
            .post,
            Rig.importing(try keys.map { try $0.keystore() }, keys.map { _ in "password" })
        )
        #expect(answer.status == 400 && answer.text.contains("max_items_per_request"))
        #expect(try await rig.list().isEmpty)
        #expect(try await rig.send(.delete, Rig.deleting(keys.map(\.name))).status == 400)
    }

    @Test func `when the time is over, keystores that are left say so and can be sent again`() async throws {
        let rig = try await Rig { $0.timeout = .zero }
        let statuses = try rig.statuses(
            try await rig.send(.post, Rig.importing([try Key(1).keystore()], ["password"]))
        )
        #expect(statuses.map(\.status) == ["error"])
        #expect(statuses[0].message.contains("send it again"))
    }

    @Test func `more requests at a time than allowed are 503, and the others are not disturbed`() async throws {
        let rig = try await Rig { ($0.writes, $0.reads) = (0, 1) }
        let answer = try await rig.send(.post, Rig.importing([], []))
        #expect(answer.status == 503 && answer.headers.contains { $0.name == "Retry-After" })
        #expect(try await rig.send(.get).status == 200)
    }

    // MARK: History

    @Test(arguments: Spelling.allCases)
    func `history comes before the key, however the key is spelled in it`(_ spelling: Spelling) async throws {
        let rig = try await Rig()
        let key = try Key(1)
        let history = Rig.history(key.spelled(spelling), slot: 10)
        #expect(try await rig.take([key], history: history) == ["imported"])
        #expect(await rig.sign(key, slot: 10).map { Rig.isOfRecord($0) } == true)
        #expect(await rig.sign(key, slot: 11) == nil)
        #expect(try await rig.delete([key.spelled(spelling)]).statuses == ["deleted"])
    }

    @Test func `history of another network, or that cannot be read, imports nothing`() async throws {
        let rig = try await Rig()
        let key = try Key(1)
        let good = Rig.history(key.name, slot: 10)
        for history in [
            good.replacing("\(Rig.root)", with: "0x" + String(repeating: "5", count: 64)),
            good.replacing("\"5\"", with: "\"4\""), good.replacing("\"slot\":\"10\"", with: "\"slot\":\"-1\""),
            good.replacing(key.name, with: "0x12"), "junk",
        ] {
            let answer = try await rig.send(.post, Rig.importing([try key.keystore()], ["password"], history: history))
            #expect(answer.status == 400 && answer.text.contains("slashing_protection"), "\(answer.text)")
            #expect(try await rig.list().isEmpty)
        }
        #expect(try await rig.delete([key.name]).statuses == ["not_found"])
    }

    @Test func `a key whose history was not taken does not come in`() async throws {
        let rig = try await Rig()
        let (key, other) = (try Key(1), try Key(2))
        _ = try await rig.store.administer(.setHighWatermark(HighWatermark(slot: 5, epoch: 1)))
        let history = Rig.history(key.name, slot: 10)
        let statuses = try rig.statuses(
            try await rig.send(
                .post,
                Rig.importing([try key.keystore(), try other.keystore()], ["password", "password"], history: history)
            )
        )
        #expect(statuses.map(\.status) == ["error", "imported"])
        #expect(statuses[0].message.contains("slashing protection data"))
    }

    @Test func `history that contradicts the record makes it stricter, and the key comes in`() async throws {
        let rig = try await Rig()
        let key = try Key(1)
        _ = try await rig.take([key])
        #expect(await rig.sign(key, slot: 10) == nil)
        _ = try await rig.delete([key.name])
        #expect(try await rig.take([key], history: Rig.history(key.name, slot: 10, content: 9)) == ["imported"])
        #expect(await rig.sign(key, slot: 10).map { Rig.isOfRecord($0) } == true)
    }

    @Test func `history from ahead of the clock is refused with its key, and changes nothing`() async throws {
        let (loaded, key) = (try Key(3), try Key(1))
        // Epoch 2 is the last that may be signed: slots up to 95.
        let rig = try await Rig(loaded: [loaded], clock: ClockGuard(slotsPerEpoch: 32) { Epoch(2) })
        let blocks = #""signed_blocks":[{"slot":"10"}]"#
        let votes = #""signed_attestations":[]"#
        let far = [
            (blocks, #""signed_blocks":[{"slot":"96"}]"#),
            (votes, #""signed_attestations":[{"source_epoch":"1","target_epoch":"900000000001"}]"#),
            (votes, #""signed_attestations":[{"source_epoch":"3","target_epoch":"2"}]"#),
        ]
        for (near, distant) in far {
            let history = Rig.history(loaded.name, slot: 10).replacing(near, with: distant)
            for keystores in [[], [try key.keystore()]] {
                let body = Rig.importing(keystores, keystores.map { _ in "password" }, history: history)
                let answer = try await rig.send(.post, body)
                #expect(answer.status == 400 && answer.text.contains("\(loaded.name) has"), "\(answer.text)")
            }
        }
        #expect(try await rig.list().count == 1)
        #expect(await rig.sign(loaded, slot: 1) == nil, "nothing of it was taken")
        #expect(try await rig.take([key], history: Rig.history(key.name, slot: 95)) == ["imported"])
        #expect(await rig.sign(key, slot: 95).map { Rig.isOfRecord($0) } == true)
    }

    // MARK: Deleting

    @Test func `each name has its own answer, and what cannot be deleted is not in the history`() async throws {
        let (loaded, key) = (try Key(3), try Key(1))
        let rig = try await Rig(loaded: [loaded])
        _ = try await rig.take([key])
        #expect(await rig.sign(loaded, slot: 1) == nil)
        let names = [
            "junk", "", loaded.name, key.name, try Key(2).name, key.spelled(.upper),
            "0x" + String(repeating: "0", count: 94),
        ]
        let deleted = try await rig.delete(names)
        #expect(deleted.statuses == ["error", "error", "error", "deleted", "not_found", "deleted", "error"])
        #expect(deleted.history.validators.isEmpty, "it signed nothing")
        #expect(deleted.answer.text.contains("Unable to delete readonly key"))
        #expect(await rig.sign(loaded, slot: 2) == nil)
    }

    @Test(arguments: ["", "{}", "[]", #"{"pubkeys":null}"#, #"{"pubkeys":[1]}"#, #"{"pubkeys":[],"pubkeys":[]}"#])
    func `a body that names no keys is 400`(_ body: String) async throws {
        let rig = try await Rig()
        #expect(try await rig.send(.delete, body).status == 400)
    }

    @Test func `without a record keys come and go, and the history is empty`() async throws {
        let rig = try await Rig(store: NoopStore())
        let key = try Key(1)
        #expect(try await rig.take([key], history: Rig.history(key.name, slot: 3)) == ["imported"])
        let deleted = try await rig.delete([key.name])
        #expect(deleted.statuses == ["deleted"] && deleted.history.validators.isEmpty)
        #expect(deleted.history.genesisValidatorsRoot == Rig.root)
    }

    @Test func `where the record fails, nothing is deleted and nothing comes in`() async throws {
        let rig = try await Rig()
        let (key, other) = (try Key(1), try Key(2))
        _ = try await rig.take([key])
        await rig.store.close()
        #expect(try await rig.delete([key.name]).statuses == ["error"])
        #expect(try await rig.list().count == 1)
        #expect(try await rig.take([other]) == ["error"])
        let answer = try await rig.send(
            .post,
            Rig.importing([try other.keystore()], ["password"], history: Rig.history(other.name, slot: 1))
        )
        #expect(answer.status == 503 && answer.text.contains("slashing_protection_unavailable"))
        #expect(try await rig.list().count == 1)
    }

    @Test func `nothing is signed after the answer to a deletion, and its history has all that was`() async throws {
        let rig = try await Rig()
        let key = try Key(1)
        for round in 0..<20 {
            #expect(try await rig.take([key]) == ["imported"])
            let isDeleted = Lock(false)
            let base = UInt64(round * 1000 + 1)
            let released = try await withThrowingTaskGroup(of: Set<UInt64>.self) { group in
                for client in UInt64(0)..<4 {
                    group.addTask {
                        var released: Set<UInt64> = []
                        for turn in UInt64(0)..<200 {
                            let wasDeleted = isDeleted.withLock { $0 }
                            let slot = base + turn * 4 + client
                            let isSigned = await rig.sign(key, slot: slot) == nil
                            #expect(!(isSigned && wasDeleted))
                            if isSigned { released.insert(slot) }
                            if wasDeleted { break }
                        }
                        return released
                    }
                }
                let deleted = try await rig.delete([key.name])
                isDeleted.withLock { $0 = true }
                let history = Set(deleted.history.validators.flatMap(\.blocks).map(\.slot.value))
                for try await released in group { #expect(released.isSubset(of: history)) }
                return history
            }
            _ = released
        }
    }

    // MARK: Who may

    @Test func `a token for some keys manages those and no others`() async throws {
        let (mine, other, loaded) = (try Key(1), try Key(2), try Key(3))
        let rig = try await Rig(loaded: [loaded])
        let grant = try rig.grant([
            Rule(.allow, scopes: [.listKeys, .importKeystores, .deleteKeys], keys: [mine.publicKey])
        ])
        #expect(try await rig.take([mine, other], grant: grant) == ["imported", "error"])
        #expect(try await rig.list().map(\.validating_pubkey).count == 2)
        #expect(try await rig.list(grant: grant).map(\.validating_pubkey) == [mine.name])
        let foreign = try await rig.send(
            .post,
            Rig.importing([], [], history: Rig.history(other.name, slot: 1)),
            grant: grant
        )
        #expect(foreign.status == 403 && foreign.text.contains("forbidden"))
        _ = try await rig.take([other])
        let deleted = try await rig.delete([mine.name, other.name], grant: grant)
        #expect(deleted.statuses == ["deleted", "error"])
        #expect(try await rig.list().map(\.validating_pubkey).contains(other.name))
    }

    @Test func `who may not import a key does not learn whether it is loaded`() async throws {
        let (mine, loaded, absent) = (try Key(1), try Key(3), try Key(4))
        let rig = try await Rig(loaded: [loaded])
        let grant = try rig.grant([Rule(.allow, scopes: [.importKeystores], keys: [mine.publicKey])])
        let keystores = try [loaded, absent].map { try $0.keystore() }
        for password in ["wrong", "password"] {
            let body = Rig.importing(keystores, [password, password])
            let statuses = try rig.statuses(try await rig.send(.post, body, grant: grant))
            #expect(statuses.map(\.status) == ["error", "error"])
            #expect(statuses[0] == statuses[1], "\(statuses)")
        }
        // The stated key is another than the one inside, which may be imported.
        let forged = try mine.keystore().replacing(mine.name.dropFirst(2), with: loaded.name.dropFirst(2))
        let statuses = try rig.statuses(
            try await rig.send(.post, Rig.importing([forged], ["password"]), grant: grant)
        )
        #expect(statuses.map(\.status) == ["error"])
    }

    @Test func `every key of a request is told to the audit log`() async throws {
        let rig = try await Rig()
        let key = try Key(1)
        _ = try await rig.take([key])
        _ = try await rig.delete([key.name, try Key(2).name])
        let told = rig.trail.events.filter { $0.key != nil }
        #expect(told.map(\.key) == [key.publicKey.bytes, key.publicKey.bytes, try Key(2).publicKey.bytes])
    }
}

// MARK: The rig

private struct Listed: Decodable, Equatable {
    let validating_pubkey: String
    let derivation_path: String?
    let readonly: Bool
}

private struct Answered: Decodable, Equatable {
    let status: String
    let message: String
}

/// How a key can be written.
enum Spelling: CaseIterable, Sendable { case usual, bare, upper, upperBare }

/// A key, and a keystore for it that opens quickly.
struct Key: Sendable {
    fileprivate static let arena = SecretArena()
    let number: UInt8
    let publicKey: PublicKey

    init(_ number: UInt8) throws {
        self.number = number
        publicKey = try Self.secret(number).publicKey
    }

    var name: String { publicKey.description }

    func spelled(_ spelling: Spelling) -> String {
        let digits = String(name.dropFirst(2))
        return switch spelling {
        case .usual: name
        case .bare: digits
        case .upper: "0x" + digits.uppercased()
        case .upperBare: digits.uppercased()
        }
    }

    fileprivate static func scalar(_ number: UInt8) -> SecretBytes {
        SecretBytes(count: 32) { target in
            for position in 0..<32 {
                target.storeBytes(of: position == 31 ? number : 0, toByteOffset: position, as: UInt8.self)
            }
        }
    }

    fileprivate static func secret(_ number: UInt8) throws -> SecretKey {
        try scalar(number).withBytes { try SecretKey(bigEndian: $0, arena: arena) }
    }

    func keystore(password: String = "password") throws -> String {
        let bytes = Array(password.utf8)
        let keystore = try Keystore(
            encrypting: Self.scalar(number),
            publicKey: publicKey,
            password: try Password(normalizing: bytes.span),
            derivation: .pbkdf2(iterations: 2),
            path: "m/12381/3600/0/0/0"
        )
        return String(decoding: try keystore.json(), as: UTF8.self)
    }
}

private struct Rig: Sendable {
    static let root = KnownNetwork.hoodi.network.genesisValidatorsRoot ?? .zero
    let folder: TemporaryFolder
    let store: any RecordStore
    let trail = FakeTrail()
    private let signer: Signer
    private let routes: KeyManagerRoutes

    init(
        loaded: [Key] = [],
        store: (any RecordStore)? = nil,
        clock: ClockGuard = .off,
        _ change: (inout KeyManagerRoutes.Limits) -> Void = { _ in }
    ) async throws {
        folder = try TemporaryFolder()
        var limits = KeyManagerRoutes.Limits()
        change(&limits)
        self.store =
            try store
            ?? SQLiteStore(
                SQLiteStore.Settings(
                    path: folder.file("record.sqlite"),
                    genesisValidatorsRoot: Self.root,
                    createIfMissing: true
                )
            )
        let keys = try loaded.map { key in
            SigningKey(try Key.secret(key.number), origin: KeyOrigin(source: KeySourceName.filesystem, location: "x"))
        }
        signer = Signer(
            network: KnownNetwork.hoodi.network,
            genesisValidatorsRoot: Self.root,
            keyring: Keyring(keys),
            protection: SlashingProtection(store: self.store),
            authority: Authority(),
            lanes: SigningLanes(limit: 64, threads: 2),
            witness: SilentWitness()
        )
        let manager = KeyManager(
            keyring: signer.keyring,
            authority: signer.authority,
            protection: signer.protection,
            opener: KeystoreOpener(arena: Key.arena),
            genesisValidatorsRoot: Self.root,
            clock: clock,
            keysChanged: {}
        )
        routes = KeyManagerRoutes(manager, limits, audit: trail)
    }

    func grant(_ rules: [Rule]) throws -> Grant {
        let name = try #require(PolicyName("p"))
        let digest = TokenDigest(Bytes<32>())
        let authorizer = Authorizer(mode: .enforced, now: { 100 })
        authorizer.update { directory in
            directory.put(Policy(name: name, rules: rules), version: 1)
            directory.put(
                Token(digest: digest, name: name, policies: [name], created: 0, expires: nil),
                version: 1
            )
        }
        return try authorizer.authenticate(.token(digest), from: nil)
    }

    func send(_ method: Method, _ body: String = "", grant: Grant? = nil) async throws -> Response {
        let router = HTTPRouter(routes: routes.routes) { _, _, _ in
            .allow(Access(caller: .peer("test"), grant: grant))
        }
        return await router.answer(method, "/eth/v1/keystores", accept: "application/json", body: body)
    }

    func list(grant: Grant? = nil) async throws -> [Listed] {
        struct Document: Decodable { let data: [Listed] }
        return try JSONDecoder().decode(Document.self, from: Data(try await send(.get, grant: grant).body)).data
    }

    func statuses(_ answer: Response) throws -> [Answered] {
        struct Document: Decodable { let data: [Answered] }
        return try JSONDecoder().decode(Document.self, from: Data(answer.body)).data
    }

    func take(_ keys: [Key], history: String? = nil, grant: Grant? = nil) async throws -> [String] {
        let body = Self.importing(try keys.map { try $0.keystore() }, keys.map { _ in "password" }, history: history)
        return try statuses(try await send(.post, body, grant: grant)).map(\.status)
    }

    func delete(
        _ names: [String],
        grant: Grant? = nil
    ) async throws -> (statuses: [String], history: Interchange, answer: Response) {
        struct Document: Decodable { let slashing_protection: String }
        let answer = try await send(.delete, Self.deleting(names), grant: grant)
        let text = try JSONDecoder().decode(Document.self, from: Data(answer.body)).slashing_protection
        return (try statuses(answer).map(\.status), try Interchange(json: Array(text.utf8)), answer)
    }

    /// Nil where a block was signed, else why not.
    func sign(_ key: Key, slot: UInt64, content: UInt8 = 1) async -> String? {
        let header = BeaconBlockHeader(
            slot: Slot(slot),
            proposerIndex: 1,
            parentRoot: .zero,
            stateRoot: .zero,
            bodyRoot: .zero
        )
        var root = Bytes<32>()
        root[0] = content
        let forks = ForkInfo(
            previousVersion: ForkVersion(1),
            currentVersion: ForkVersion(1),
            epoch: 0,
            genesisValidatorsRoot: Self.root
        )
        let request = ReadRequest(
            request: SigningRequest(.blockV2, forkInfo: forks, message: .blockHeader(header)),
            signingRoot: SigningRoot(root)
        )
        let outcome = await signer.sign(key.name, for: .local, under: nil) { request }
        if case .signed = outcome { return nil }
        return outcome.code
    }

    /// Whether the record refused.
    static func isOfRecord(_ code: String) -> Bool { code.hasPrefix("slashable") || code.hasSuffix("low_watermark") }

    static func importing(_ keystores: [String], _ passwords: [String], history: String? = nil) -> String {
        var object: [String: Any] = ["keystores": keystores, "passwords": passwords]
        if let history { object["slashing_protection"] = history }
        let data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    static func deleting(_ names: [String]) -> String {
        #"{"pubkeys":[\#(names.map { "\"\($0)\"" }.joined(separator: ","))]}"#
    }

    static func history(_ key: String, slot: UInt64, content: UInt8? = nil) -> String {
        let root = content.map {
            #","signing_root":"0x\#(Hex.encode([$0] + [UInt8](repeating: 0, count: 31), prefix: false))""#
        }
        return """
            {"metadata":{"interchange_format_version":"5","genesis_validators_root":"\(Self.root)"},\
            "data":[{"pubkey":"\(key)","signed_blocks":[{"slot":"\(slot)"\(root ?? "")}],"signed_attestations":[]}]}
            """
    }
}
