// SPDX-License-Identifier: Apache-2.0
import Encoding
import Glibc
import Secrets
import Testing

/// What a filling closure throws.
private struct Refused: Error {}

@Suite struct SecretBytesTests {
    @Test func `bytes are filled in place and read in place`() {
        var secret = SecretBytes(count: 4) { target in
            for position in 0..<4 { target.storeBytes(of: UInt8(position + 1), toByteOffset: position, as: UInt8.self) }
        }
        #expect(Hex.encode(secret.span, prefix: false) == "01020304")
        var span = secret.mutableSpan
        span[0] = 0xFF
        #expect(secret.withSpan { $0[0] } == 0xFF)
        secret.withMutableSpan { $0[1] = 0xEE }
        #expect(Hex.encode(secret.span, prefix: false) == "ffee0304")
    }

    @Test func `a variable of the environment is taken as it is, and none where there is none`() {
        let name = "CHAMBER_TEST_SECRET_\(UInt64.random(in: 0 ... .max))"
        func digits() -> String? {
            guard let secret = SecretBytes(environment: name) else { return nil }
            return Hex.encode(secret.span, prefix: false)
        }
        #expect(digits() == nil)
        unsafe setenv(name, "käse ", 1)
        #expect(digits() == "6bc3a4736520")
        unsafe setenv(name, "", 1)
        #expect(digits() == "")
        unsafe unsetenv(name)
    }

    @Test func `memory that nobody filled is zero`() {
        let secret = SecretBytes(count: 5000) { _ in }
        #expect((0..<5000).allSatisfy { secret.span[$0] == 0 })
    }

    @Test func `a wipe leaves no byte standing`() {
        for count in [1, 31, 32, 33, 4096, 5000] {
            var secret = SecretBytes(random: count)
            secret.wipe()
            #expect((0..<count).allSatisfy { secret.span[$0] == 0 })
        }
    }

    @Test func `the free function wipes exactly the span`() {
        var secret = SecretBytes(count: 64) { _ in }
        secret.withMutableSpan { $0.update(repeating: 0xAA) }
        secret.withMutableBytes { bytes in
            var middle = bytes._mutatingExtracting(16..<48)
            wipe(&middle)
        }
        #expect((0..<64).allSatisfy { secret.span[$0] == ((16..<48).contains($0) ? 0 : 0xAA) })
    }

    @Test func `an error while filling is passed on`() {
        #expect(throws: Refused.self) {
            _ = try SecretBytes(count: 32) { _ throws(Refused) in throw Refused() }
        }
    }

    @Test func `a secret may be empty`() {
        let secret = SecretBytes(count: 0) { _ in }
        #expect(secret.withSpan { $0.isEmpty })
    }

    @Test func `random secrets differ`() {
        let first = SecretBytes(random: 32)
        let second = SecretBytes(random: 32)
        let isSame = ConstantTime.areEqual(first.span, second.span)
        #expect(!isSame)
    }

    @Test func `reading past the end stops the process instead of reading on`() async {
        // sodium_malloc puts the bytes directly before a page that cannot be touched. A sanitizer makes an exit code of
        // the signal, so any failure will do.
        await #expect(processExitsWith: .failure) {
            let secret = SecretBytes(random: 32)
            secret.withBytes { bytes in
                let byte = unsafe bytes.withUnsafeBytes {
                    unsafe $0.baseAddress?.load(fromByteOffset: 32, as: UInt8.self)
                }
                exit(Int(byte ?? 0) < 256 ? EXIT_SUCCESS : EXIT_FAILURE)
            }
        }
    }
}

@Suite struct ConstantTimeTests {
    @Test func `equality is of content and length`() {
        let pairs: [([UInt8], [UInt8], Bool)] = [
            ([], [], true), ([1], [1], true), ([1, 2], [1, 3], false), ([1, 2], [1], false), ([0], [], false),
        ]
        for (left, right, expected) in pairs {
            let isSame = ConstantTime.areEqual(left.span, right.span)
            #expect(isSame == expected)
        }
    }
}

@Suite struct RedactedTests {
    @Test func `what is redacted does not show in any description`() {
        let hidden = Redacted("hunter2")
        var dumped = ""
        dump(hidden, to: &dumped)
        for text in ["\(hidden)", String(reflecting: hidden), String(describing: [hidden]), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(hidden.value == "hunter2")
    }
}
