// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

/// `operator seal` before there is a master key.
@Suite(.timeLimit(.minutes(8))) struct EarlySealTests {
    @Test func `sealing a chamber without a master key is said to hold for the one that is made`() async throws {
        let place = try await SealedPlace()
        let signer = try await place.start()
        let sealed = try await signer.command("operator", "seal")
        #expect(sealed.exitCode == 0 && sealed.output.contains("nothing was open"), "\(sealed)")
        #expect(sealed.output.contains("after `containment-chamber operator init`"), "\(sealed)")
        let made = try await place.initialize(signer)
        #expect(made.exitCode == 3 && made.errors.contains("sealed by an operator"), "\(made)")
        let opened = try await signer.command("operator", "unseal")
        #expect(opened.exitCode == 0, "\(opened)")
        #expect(await signer.stop() == 0)
    }

    @Test func `sealing while operators register says how to end the registration`() async throws {
        let quorum = try await QuorumPlace()
        let signer = try await quorum.place.start()
        _ = try await quorum.initialize(signer)
        let sealed = try await signer.command("operator", "seal")
        #expect(sealed.exitCode == 0 && sealed.output.contains("awaiting_registration"), "\(sealed)")
        #expect(sealed.output.contains("nothing was open") && sealed.output.contains("rotate cancel"), "\(sealed)")
        let cancelled = try await signer.command("operator", "rotate", "cancel")
        #expect(cancelled.exitCode == 0 && cancelled.output.contains("uninitialized"), "\(cancelled)")
        #expect(await signer.stop() == 0)
    }
}
