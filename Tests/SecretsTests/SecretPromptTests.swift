// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Glibc
import Secrets
import Testing

@Suite(.timeLimit(.minutes(1))) struct SecretPromptTests {
    /// A terminal whose other end is ours.
    private final class Terminal: Sendable {
        let ours: Int32
        let theirs: Int32

        init() throws {
            ours = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
            var (locked, number): (CInt, CInt) = (0, 0)
            // TIOCSPTLCK and TIOCGPTN, which the C library's unlockpt() and ptsname() are.
            guard unsafe ioctl(ours, 0x4004_5431, &locked) == 0, unsafe ioctl(ours, 0x8004_5430, &number) == 0 else {
                throw SecretPrompt.Failure.terminal(code: errno)
            }
            theirs = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        }

        deinit {
            close(ours)
            close(theirs)
        }

        /// What was shown until `words` stood there.
        func shown(until words: String) -> String {
            let end = Array(words.utf8)
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while bytes.suffix(end.count) != end[...], unsafe read(ours, &byte, 1) == 1 { bytes.append(byte) }
            return String(decoding: bytes, as: UTF8.self)
        }

        func type(_ text: String) {
            var text = text
            _ = text.withUTF8 { unsafe write(ours, $0.baseAddress, $0.count) }
        }

        var echoes: Bool {
            var settings = termios()
            return unsafe tcgetattr(theirs, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
        }
    }

    private func answer(to typed: String) async throws -> (Result<[UInt8], SecretPrompt.Failure>, shown: String) {
        let terminal = try Terminal()
        async let shown = Blocking.run(name: "person") {
            let question = terminal.shown(until: "passphrase: ")
            terminal.type(typed)
            return question + terminal.shown(until: "\n")
        }
        let result = await Blocking.run(name: "prompt") { () -> Result<[UInt8], SecretPrompt.Failure> in
            do throws(SecretPrompt.Failure) {
                let secret = try SecretPrompt.ask("passphrase: ", on: terminal.theirs)
                return .success(secret.span.indices.map { secret.span[$0] })
            } catch { return .failure(error) }
        }
        let line = await shown
        #expect(terminal.echoes, "the terminal is as it was")
        return (result, line)
    }

    @Test(arguments: [
        ("correct horse\n", "correct horse"), ("käse\r", "käse"), ("ab\u{7f}c\n", "ac"), ("kä\u{7f}\u{8}x\n", "x"),
        ("wrong\u{15}right\n", "right"), ("\u{7f}\u{7f}a\n", "a"), ("a\u{4}b\n", "ab"), ("\n", ""),
    ])
    func `what is entered is taken and not shown`(typed: String, taken: String) async throws {
        let (result, shown) = try await answer(to: typed)
        #expect(result == .success(Array(taken.utf8)))
        #expect(shown == "passphrase: \r\n")
    }

    @Test(arguments: ["abc\u{3}", "\u{4}"])
    func `a person can leave`(typed: String) async throws {
        #expect(try await answer(to: typed).0 == .failure(.abandoned))
    }

    @Test func `too much is refused`() async throws {
        let typed = String(repeating: "a", count: SecretPrompt.limit + 1)
        #expect(try await answer(to: typed).0 == .failure(.tooLong(limit: SecretPrompt.limit)))
    }

    @Test func `what is no terminal is not asked`() throws {
        let file = unsafe open("/dev/null", O_RDWR)
        defer { close(file) }
        do throws(SecretPrompt.Failure) {
            _ = try SecretPrompt.ask("passphrase: ", on: file)
            Issue.record("something was answered")
        } catch { #expect(error == .noTerminal) }
    }
}
