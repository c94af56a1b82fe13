// SPDX-License-Identifier: Apache-2.0
import Foundation
import Secrets
import Testing

@Suite(.timeLimit(.minutes(1))) struct SecretProgramTests {
    private func output(
        of script: String,
        patience: Duration = .seconds(30),
        limit: Int = 64
    ) throws(SecretProgram.Failure) -> String {
        let output = try SecretProgram.output(of: "sh", ["-c", script], patience: patience, limit: limit)
        let span = output.span
        return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }

    @Test func `what a program writes is read, up to the limit`() throws {
        #expect(try output(of: "printf abc; printf def") == "abcdef")
        #expect(try output(of: "exit 0") == "")
        #expect(try output(of: "printf %064d 7") == String(repeating: "0", count: 63) + "7")
        #expect(throws: SecretProgram.Failure.tooLong(limit: 64)) { try output(of: "printf %065d 7") }
        #expect(throws: SecretProgram.Failure.tooLong(limit: 64)) { try output(of: "while :; do echo y; done") }
    }

    @Test func `a program that fails, is killed or is not there is told of`() {
        #expect(throws: SecretProgram.Failure.ended(code: 7)) { try output(of: "echo 1; exit 7") }
        #expect(throws: SecretProgram.Failure.ended(code: 137)) { try output(of: "kill -9 $$") }
        #expect(throws: SecretProgram.Failure.notFound) {
            _ = try SecretProgram.output(of: "no-such-program", [], patience: .seconds(30), limit: 1)
        }
    }

    @Test func `a program that says nothing is ended`() {
        #expect(throws: SecretProgram.Failure.timedOut) {
            try output(of: "exec sleep 600", patience: .milliseconds(50))
        }
        #expect(throws: SecretProgram.Failure.timedOut) {
            try output(of: "exec >&-; exec sleep 600", patience: .milliseconds(50))
        }
    }

    @Test func `it reads nothing of ours, and knows no variable that it does not need`() throws {
        #expect(try output(of: "cat") == "")
        unsafe setenv("CHAMBER_TEST_PASSPHRASE", "battery staple", 1)
        defer { unsafe unsetenv("CHAMBER_TEST_PASSPHRASE") }
        #expect(try output(of: "printf '[%s]' \"$CHAMBER_TEST_PASSPHRASE\"") == "[]")
        #expect(try output(of: "test -n \"$PATH\" && echo yes") == "yes\n")
    }
}
