// SPDX-License-Identifier: Apache-2.0
import Testing

/// The switches for clients that count on Web3Signer's statuses.
@Suite(
    .sharedSigner("compatibility: {signing_root_mismatch_status: 500, wrong_network_status: 412}"),
    .timeLimit(.minutes(8))
)
struct CompatibilityTests {
    @Test func `a wrong signing root is 500 where that was asked for`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let body = SigningBody.attestation(source: 1, target: 2, signingRoot: "0x07")
        let answer = try await signer.sign(body, with: key)
        #expect(answer.status == 500)
        #expect(answer.errorCode == "signing_root_mismatch")
        #expect(try await signer.sign(body, with: key.publicKey, accept: nil).body == "Internal Server Error")
        #expect(try await signer.sign("{}", with: key).status == 400, "other unreadable requests stay 400")
    }

    @Test func `another network is 412 where that was asked for`() async throws {
        let (signer, key) = (try SharedSigner.current(), try SharedSigner.key())
        let body = SigningBody.randaoReveal(epoch: 1, network: SigningBody.mainnet)
        #expect(try await signer.sign(body, with: key).status == 412)
    }
}
