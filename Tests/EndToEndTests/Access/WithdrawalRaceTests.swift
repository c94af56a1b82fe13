// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// How many races of each kind there are. `CHAMBER_RACES` asks for more.
private let races = ProcessInfo.processInfo.environment["CHAMBER_RACES"].flatMap { Int($0) } ?? 150

/// Requests are under way with a token while it is revoked or deleted.
@Suite(.serialized, .timeLimit(.minutes(120)))
struct RevocationRaceTests {
    enum Way: String, CaseIterable, CustomTestStringConvertible {
        case revoke, delete
        var testDescription: String { rawValue }
    }

    @Test(arguments: Way.allCases) func `nothing is signed with a token once its end was answered`(
        _ way: Way
    )
        async throws
    {
        var random = SeededGenerator.fromEnvironment()
        let key = try TestKey(1)
        let trail = try Trail(keys: [key], "auth: {mode: enforced}")
        let guarded = try await GuardedSigner.start(keys: [key], in: trail.workplace)
        _ = try await guarded.token("vc", #"{"effect":"allow","scopes":["sign"]}"#)
        // 429: whoever shows tokens that are none for long is told to wait.
        let clients = try RaceClients(guarded.signer, refusals: [401, 429])
        let desk = TokenDesk(port: guarded.signer.port, root: guarded.root)
        for _ in 0..<races {
            let token = try await desk.make()
            let signatures = Int.random(in: 1...12, using: &random)
            try await clients.race(key, token.headers, after: signatures) {
                if way == .revoke { try desk.revoke(token) } else { try desk.delete(token) }
            }
            if way == .revoke { try await onThread { try desk.delete(token) } }
        }
        #expect(await guarded.signer.stop() == 0)
        let order = RaceTrail(try trail.text(), taking: [way == .revoke ? "auth_revoke" : "auth_delete"])
        try expect(clients.figures, order, behind: order.behindRevocation, seed: random.seed)
    }
}

/// Requests are under way with a key while it is disabled in the record, or deleted over the Key Manager API.
@Suite(.serialized, .timeLimit(.minutes(120)))
struct DisablingRaceTests {
    @Test func `nothing is signed with a key once its disabling was answered`() async throws {
        var random = SeededGenerator.fromEnvironment()
        let key = try TestKey(1)
        let trail = try Trail(keys: [key])
        let signer = try await RunningSigner.start(in: trail.workplace)
        let clients = try RaceClients(signer, refusals: [412])
        let desk = RecordDesk(socket: trail.folder.file("record.sqlite.admin.sock"), key: key)
        for _ in 0..<races {
            let signatures = Int.random(in: 1...12, using: &random)
            try await clients.race(key, after: signatures) { try desk.order("disable") }
            try await onThread { try desk.order("enable?ground=owner") }
        }
        #expect(await signer.stop() == 0)
        let order = RaceTrail(try trail.text(), taking: ["disable"], givingBack: ["enable"])
        try expect(clients.figures, order, behind: order.whileGone, seed: random.seed)
    }

    @Test func `nothing is signed with a key once its deletion was answered`() async throws {
        var random = SeededGenerator.fromEnvironment()
        let trail = try Trail(keys: [], "http: {key_manager_api: {enabled: true}}")
        let signer = try await RunningSigner.start(in: trail.workplace)
        let clients = try RaceClients(signer, refusals: [404, 412])
        for race in 0..<races {
            // Another key each time: a deletion answers with all the history of one.
            let key = try TestKey(30_000 + race)
            let desk = KeyDesk(port: signer.port, key: key)
            try await onThread { try desk.importKey() }
            let signatures = Int.random(in: 1...12, using: &random)
            try await clients.race(key, after: signatures) { try desk.deleteKey() }
        }
        #expect(await signer.stop() == 0)
        let order = RaceTrail(try trail.text(), taking: ["delete_keystores"], givingBack: ["import_keystores"])
        try expect(clients.figures, order, behind: order.whileGone, seed: random.seed)
    }
}

/// - Parameter behind: signatures whose lines stand behind the end of what they needed.
private func expect(_ figures: RaceFigures, _ order: RaceTrail, behind: Int, seed: UInt64) throws {
    FileHandle.standardOutput.write(Data("\(figures.line), \(behind) behind it in the audit file\n".utf8))
    #expect(figures.races == races)
    #expect(figures.late.prefix(5) == [], "seed \(seed)")
    #expect(figures.problems.prefix(5) == [], "seed \(seed)")
    #expect(behind == 0, "seed \(seed)")
    // The file has all of it, or it would show nothing.
    #expect(order.signatures == figures.signed)
    #expect(order.changes >= races)
}

/// Makes and ends tokens as an operator does.
private struct TokenDesk: Sendable {
    let port: UInt16
    let root: String

    func make() async throws -> GuardedSigner.Made {
        let body = try await onThread { try send("POST", "", #"{"name":"racer","policies":["vc"]}"#, is: 201) }
        return try JSONDecoder().decode(GuardedSigner.Made.self, from: Data(body.utf8))
    }

    func revoke(_ token: GuardedSigner.Made) throws { _ = try send("POST", "/\(token.id)/revoke", nil, is: 200) }
    func delete(_ token: GuardedSigner.Made) throws { _ = try send("DELETE", "/\(token.id)", nil, is: 204) }

    private func send(_ method: String, _ path: String, _ body: String?, is status: Int) throws -> String {
        let headers = ["Authorization: Bearer \(root)"] + (body == nil && method == "POST" ? ["Content-Length: 0"] : [])
        let answer = try HTTPConnection(port: port)
            .exchange(method, "/api/v1/auth/tokens\(path)", headers, body: body)
        guard answer.status == status else { throw TimedOut(description: "\(method) \(path): \(answer)") }
        return answer.body
    }
}

/// Tells the running signer about its record, as the commands do over the admin socket.
private struct RecordDesk: Sendable {
    let socket: String
    let key: TestKey

    func order(_ order: String) throws {
        let answer = try HTTPConnection(unixSocket: socket)
            .exchange("POST", "/admin/v1/anti-slashing/\(order)", body: "[\"\(key.publicKey)\"]")
        guard answer.status == 200, answer.body.contains(key.publicKey) else {
            throw TimedOut(description: "\(order): \(answer)")
        }
    }
}

/// Brings a key and takes it away over the Key Manager API.
private struct KeyDesk: Sendable {
    static let password = "correct horse battery staple"
    let port: UInt16
    let key: TestKey

    func importKey() throws {
        let keystore = try key.keystore(password: Self.password)
        let body = try JSONSerialization.data(
            withJSONObject: ["keystores": [keystore], "passwords": [Self.password]]
        )
        try send("POST", String(decoding: body, as: UTF8.self), "imported")
    }

    func deleteKey() throws { try send("DELETE", #"{"pubkeys":["\#(key.publicKey)"]}"#, "\"deleted\"") }

    private func send(_ method: String, _ body: String, _ status: String) throws {
        let answer = try HTTPConnection(port: port).exchange(method, "/eth/v1/keystores", body: body)
        guard answer.status == 200, answer.body.contains(status) else {
            throw TimedOut(description: "\(method): \(answer.status) \(answer.body.prefix(300))")
        }
    }
}
