// SPDX-License-Identifier: Apache-2.0
import Authorization
import Concurrency
import Encoding
import Foundation
import SealedKeys
import Sealing
import Secrets
import Signer
import SignerAPI
import SignerState
import SlashingProtection
import TestSupport
import Testing

/// Policies, tokens and keys of a chamber with a real master key, under the hands of somebody who writes its stores.
@Suite(.timeLimit(.minutes(2))) struct AttackedStateTests {
    @Test
    func `a revoked token and a row of the catalogue that are put back let nobody in, before a restart and behind it`()
        async throws
    {
        let place = try GuardedPlace()
        let one = try await place.start()
        try await one.chamber.initialize(keys: place.names, threshold: 2)
        let (token, bearer) = try await one.makeToken()
        #expect(one.admits(bearer))
        let (row, catalogue) = (
            try await place.row("token", token.identifier.text),
            try await place.row(StateRowName("access", "CATALOGUE"))
        )
        try await one.register.revoke(token.identifier)
        #expect(!one.admits(bearer))
        try await place.put(row.name, row.body)
        for instance in [one, try await place.start()] {
            try await instance.register.review()
            #expect(!instance.admits(bearer) && instance.register.faults.map(\.fault) == [.tampered])
        }
        // With the catalogue that had it, too.
        try await place.put(catalogue.name, catalogue.body)
        for instance in [one, try await place.start()] {
            try await instance.register.review()
            #expect(!instance.admits(bearer))
            #expect(instance.register.catalogueFault != nil)
        }
    }

    @Test func `a state that is set back as a whole is not believed, although every tag in it is right`() async throws {
        let place = try GuardedPlace()
        let one = try await place.start()
        try await one.chamber.initialize(keys: place.names, threshold: 2)
        let (token, bearer) = try await one.makeToken()
        let yesterday = try await place.state.rows(after: 0).rows
        try await one.register.revoke(token.identifier)
        _ = try await one.chamber.change(.keys([place.names[0]], threshold: 1), by: .local)
        await one.chamber.shutDown()
        // With the very versions of then.
        let next = try await place.start(try await place.copy(of: yesterday))
        #expect(!next.admits(bearer) && !next.chamber.isOpen)
        #expect(next.chamber.status.reason?.contains("an older MASTER_KEY row was put back") == true)
    }

    @Test func `a token that is put back while nothing can be verified takes no order to seal back`() async throws {
        let place = try GuardedPlace()
        let one = try await place.start()
        try await one.chamber.initialize(keys: place.names, threshold: 2)
        let (token, revoked) = try await one.makeToken()
        let (_, good) = try await one.makeToken()
        let row = try await place.row("token", token.identifier.text)
        try await one.register.revoke(token.identifier)
        _ = await one.chamber.seal()
        try await place.put(row.name, row.body)
        try await one.register.refresh()
        // Here it looks like any other.
        let grant = try one.grant(of: revoked)
        try grant.check(.chamberUnseal, key: nil, operation: nil)
        await #expect(throws: ChamberError.notAllowed) { try await one.unseal(for: grant) }
        #expect(!one.chamber.isOpen && one.chamber.status.reason == ChamberMachine.sealOrdered)
        try await one.unseal(for: try one.grant(of: good))
        #expect(one.chamber.isOpen)
    }

    @Test func `rows of before a rotation of the master key are worth nothing behind it`() async throws {
        let place = try GuardedPlace()
        let one = try await place.start()
        try await one.chamber.initialize(keys: place.names, threshold: 2)
        let (token, bearer) = try await one.makeToken()
        let (row, catalogue) = (
            try await place.row("token", token.identifier.text),
            try await place.row(StateRowName("access", "CATALOGUE"))
        )
        try await one.register.revoke(token.identifier)
        _ = try await one.chamber.change(.masterKey, by: .local)
        while one.chamber.status.record?.current.generation != 2 { try await Task.sleep(for: .milliseconds(5)) }
        await one.chamber.settle()
        let (_, other) = try await one.makeToken()
        #expect(one.admits(other) && one.register.faults.isEmpty && one.register.catalogueFault == nil)
        try await place.put(row.name, row.body)
        for instance in [one, try await place.start()] {
            try await instance.register.review()
            #expect(!instance.admits(bearer) && instance.admits(other))
        }
        try await place.put(catalogue.name, catalogue.body)
        let next = try await place.start()
        #expect(!next.admits(bearer) && !next.admits(other))
    }
}

/// Stores and key files of a chamber with policies and tokens, and what its instances remember.
private struct GuardedPlace {
    let folder: TemporaryFolder
    let state: SQLiteState
    let keys: SQLiteSealedKeys
    let names: [KeyName]

    init() throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        state = try SQLiteState(path: folder.file("state"))
        keys = try SQLiteSealedKeys(path: folder.file("keys"), createIfMissing: true)
        names = try (1...3).map { try KeyName("local:\(folder.file("key\($0)"))") }
        for name in names { try LocalKey.makeFile(for: name) }
    }

    func start(_ other: (any StateStore)? = nil) async throws -> GuardedInstance {
        let memory = try StateMemory(path: folder.file("memory"))
        return try await GuardedInstance(other ?? state, keys, memory)
    }

    func row(_ kind: String, _ name: String) async throws -> StateRow { try await row(StateRowName(kind, name)) }

    func row(_ name: StateRowName) async throws -> StateRow {
        try #require(try await state.rows(after: 0).rows.first { $0.name == name })
    }

    func put(_ name: StateRowName, _ body: [UInt8]?) async throws {
        let standing = try await row(name)
        try await state.apply([
            StateChange(name, expecting: standing.body == nil ? 0 : standing.version, body: body)
        ])
    }

    /// Rows as they stood, with their versions.
    func copy(of rows: [StateRow]) async throws -> any StateStore {
        let copy = try SQLiteState(path: folder.file("yesterday"))
        for row in rows {
            for version in 1...row.version {
                let body = version == row.version ? row.body : [0]
                try await copy.apply([StateChange(row.name, expecting: version - 1, body: body)])
            }
        }
        return copy
    }
}

private struct GuardedInstance {
    let register: AccessRegister
    let chamber: Chamber
    private let reader: TokenReader
    private let authorizer: Authorizer

    init(_ state: any StateStore, _ keys: any SealedKeyStore, _ memory: StateMemory) async throws {
        let authorizer = Authorizer(mode: .enforced, now: { 1_000 })
        self.authorizer = authorizer
        register = AccessRegister(
            store: state,
            authorizer: authorizer,
            masterKey: ChamberRows.masterKey,
            memory: memory,
            now: { 1_000 },
            withdraw: {}
        )
        let ring = SealedKeyring(
            store: keys,
            withdrawn: WithdrawnKeys(store: state, memory: memory),
            source: KeySourceName.sqlite,
            statuses: [.active],
            arena: SecretArena(),
            keyring: Keyring(),
            authority: Authority(),
            protection: SlashingProtection(store: NoopStore())
        ) { _ in }
        reader = try await register.start()
        let wrappers = KeyWrappers(KeyWrapperSettings())
        chamber = Chamber(
            store: state,
            custodian: Custodian { name throws(WrappingError) in try wrappers.wrapper(for: name) },
            contents: GuardedContents(register: register, keys: ring),
            witness: DeafWitness(),
            memory: memory,
            settings: .init(grace: .zero),
            now: { 1_790_000_000 }
        )
        try await chamber.refresh()
        await chamber.settle()
    }

    func makeToken() async throws -> (token: Token, bearer: Bearer) {
        let secret = TokenSecret()
        let root = try #require(PolicyName("root"))
        let token = try await register.create(
            TokenRequest(name: try #require(PolicyName("some")), policies: [root], lifetime: nil),
            with: reader,
            secret: secret
        )
        let shown = secret.withText { text in Array("Bearer ".utf8) + text.indices.map { text[$0] } }
        return (token, reader.read(shown.span))
    }

    func grant(of bearer: Bearer) throws -> Grant { try authorizer.authenticate(bearer, from: nil) }

    /// As the route does.
    func unseal(for grant: Grant) async throws {
        let register = register
        try await chamber.unseal { keys in
            let seals = GuardedContents.seals(keys.all)
            return (try? await register.verifies(grant, for: .chamberUnseal, under: seals)) ?? false
        }
    }

    func admits(_ bearer: Bearer) -> Bool {
        do throws(AccessRefusal) {
            try authorizer.authenticate(bearer, from: nil).check(.reload, key: nil, operation: nil)
            return true
        } catch { return false }
    }
}

/// As the daemon puts them together.
private struct GuardedContents: ChamberContents {
    let register: AccessRegister
    let keys: SealedKeyring

    struct Seal: AccessSeal {
        let tagger: AccessTagger
        var chamber: Bytes<16> { tagger.identity.chamber.bytes }
        var generation: UInt64 { tagger.identity.generation }
        func tag(row message: [UInt8]) -> Bytes<32> { tagger.tag(row: message) }
        func tag(catalogue message: [UInt8]) -> Bytes<32> { tagger.tag(catalogue: message) }
    }

    static func seals(_ keys: [MasterKey]) -> [Seal] { keys.compactMap { try? AccessTagger($0) }.map(Seal.init) }

    func founding(_ master: MasterKey) async throws(ChamberContentsError) -> [StateChange] {
        do { return try await [register.founding(under: Self.seals([master])[0])] + keys.founding(master) } catch {
            throw ChamberContentsError("\(error)")
        }
    }

    func load(under keys: MasterKeys) async throws(ChamberContentsError) {
        do { try await register.open(Self.seals(keys.all)) } catch { throw ChamberContentsError("\(error)") }
        try await self.keys.load(under: keys)
    }

    func adopt(_ keys: MasterKeys) async {
        try? await register.open(Self.seals(keys.all))
        await self.keys.adopt(keys)
    }

    func rekey(
        _ keys: MasterKeys,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) async throws(ChamberContentsError) {
        try await self.keys.rekey(keys, progress: progress)
    }

    func conclude(_ keys: MasterKeys) async throws(ChamberContentsError) {
        do { try await register.retag(to: Self.seals([keys.newest])[0]) } catch {
            throw ChamberContentsError("\(error)")
        }
    }

    func unload() async {
        await keys.unload()
        await register.seal()
    }
}

private struct DeafWitness: ChamberWitness {
    func changed(from old: ChamberState, to new: ChamberState, reason: String?) {}
    func shareFailed(_ failure: CustodyError.Failure) {}
    func shareGiven(by name: String) {}
    func forgotten(_ reason: String) {}
    func rekeyingFailed(_ reason: String) {}
    func recordLost() {}
}
