// SPDX-License-Identifier: Apache-2.0
import Crypto
import Encoding
import Secrets
import Testing

@Suite struct HMACSHA1Tests {
    private func digest(_ key: [UInt8], _ message: [UInt8]) throws -> String {
        let code = try HMAC.sha1(key: key.span, message.span)
        let span = code.span
        return Hex.encode(span, prefix: false)
    }

    /// RFC 2202 §3, cases 1, 2, 4 and 6; and the one that the maker of the YubiKey gives (NIST PUB 198, A.2).
    @Test func `codes are those of the standards`() throws {
        let known: [(key: [UInt8], message: [UInt8], code: String)] = [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
                "b617318655057264e28bc0b6fb378c8ef146be00"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
            ),
            (
                (1...25).map { UInt8($0) }, [UInt8](repeating: 0xcd, count: 50),
                "4c9007f4026250c6bc8414f9bf50c86c2d7235da"
            ),
            (
                [UInt8](repeating: 0xaa, count: 80),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "aa4ae5e15272d00e95705637ce8a3b55ed402112"
            ),
            (
                try Hex.decode("303132333435363738393a3b3c3d3e3f40414243"), Array("Sample #2".utf8),
                "0922d3405faa3d194f82a45830737d5cc6c75d24"
            ),
        ]
        for one in known { #expect(try digest(one.key, one.message) == one.code) }
    }

    @Test func `no key is refused, no message is one`() throws {
        #expect(throws: CryptoError.self) { try digest([], [1]) }
        #expect(try digest([1], []).count == 40)
    }
}
