// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Testing

/// One signer for all tests of a suite: `@Suite(.sharedSigner())`, then `let signer = try SharedSigner.current()` and a
/// key of its own for each test. After the suite it must end well and must have said no secret.
struct SharedSigner: SuiteTrait, TestScoping {
    private static let keyCount = 48

    @TaskLocal private static var shared: Shared?

    fileprivate struct Shared: Sendable {
        let signer: RunningSigner
        let unused: Lock<[TestKey]>
    }

    fileprivate let settings: String

    static func current() throws -> RunningSigner {
        let shared = try #require(shared, "the suite has no shared signer")
        return shared.signer
    }

    /// A key that no other test uses.
    static func key() throws -> TestKey {
        let shared = try #require(shared, "the suite has no shared signer")
        let key = shared.unused.withLock { $0.popLast() }
        return try #require(key, "the shared signer has too few keys")
    }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let keys = try (0..<Self.keyCount).map { try TestKey(1000 + $0) }
        let signer = try await RunningSigner.start(in: Workplace(keys: keys, settings: settings))
        try await Self.$shared.withValue(Shared(signer: signer, unused: Lock(keys))) { try await function() }
        #expect(await signer.stop() == 0)
        // Nor does anything else come out there, such as the report of a sanitizer.
        #expect(try signer.process.errors() == "")
        try signer.expectNoSecret(of: keys)
    }
}

extension Trait where Self == SharedSigner {
    /// `settings`: further lines of the configuration.
    static func sharedSigner(_ settings: String = "") -> SharedSigner { SharedSigner(settings: settings) }
}

extension RunningSigner {
    /// Searches everything the process has said.
    func expectNoSecret(of keys: [TestKey], passwords: [String] = []) throws {
        let said = (try process.output() + process.errors()).lowercased()
        for key in keys {
            #expect(!said.contains(key.secret), "the secret of \(key.publicKey) is in the output")
            // Nor a part of it, as a dump in words or a cut line would show it.
            #expect(!said.contains(key.secret.dropFirst(16).prefix(24)), "part of a secret is in the output")
        }
        for password in passwords { #expect(!said.contains(password.lowercased()), "a password is in the output") }
    }
}
