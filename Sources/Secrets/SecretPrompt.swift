// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// Asks a person for a secret, which the terminal does not show and which goes from its line straight into secret memory.
package enum SecretPrompt {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The process has none: its input comes from a script or a service.
        case noTerminal
        /// Ctrl-C, Ctrl-D on an empty line, or the terminal is gone.
        case abandoned
        case tooLong(limit: Int)
        /// By its number in errno(3).
        case terminal(code: Int32)

        package var description: String {
            switch self {
            case .noTerminal: "there is no terminal to ask at"
            case .abandoned: "nothing was entered"
            case .tooLong(let limit): "more than \(limit) bytes were entered"
            case .terminal(let code): "the terminal could not be used: \(unsafe String(cString: strerror(code)))"
            }
        }
    }

    /// Bytes of a line.
    package static let limit = 1024

    /// Asks at the terminal of this process, wherever its input and output go, and returns what was entered.
    package static func ask(_ question: String) throws(Failure) -> SecretBytes {
        let descriptor = unsafe chamber_open("/dev/tty", O_RDWR | O_NOCTTY, 0)
        guard descriptor >= 0 else { throw .noTerminal }
        defer { close(descriptor) }
        return try ask(question, on: descriptor)
    }

    /// The same at a terminal that is open. Its signals are off meanwhile, so that Ctrl-C cannot end the process and leave
    /// a terminal behind that shows nothing.
    package static func ask(_ question: String, on descriptor: Int32) throws(Failure) -> SecretBytes {
        var before = termios()
        guard unsafe tcgetattr(descriptor, &before) == 0 else {
            throw errno == ENOTTY ? .noTerminal : .terminal(code: errno)
        }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        unsafe withUnsafeMutableBytes(of: &silent.c_cc) { keys in
            unsafe keys[Int(VMIN)] = 1
            unsafe keys[Int(VTIME)] = 0
        }
        // What was typed before the question is no answer to it.
        guard unsafe tcsetattr(descriptor, TCSAFLUSH, &silent) == 0 else { throw .terminal(code: errno) }
        defer {
            _ = unsafe tcsetattr(descriptor, TCSAFLUSH, &before)
            say("\n", on: descriptor)
        }
        say(question, on: descriptor)
        var line = Line()
        while try line.take(from: descriptor) {}
        return line.entered
    }

    private static func say(_ text: String, on descriptor: Int32) {
        var text = text
        _ = text.withUTF8 { unsafe write(descriptor, $0.baseAddress, $0.count) }
    }
}

/// A line that is being typed. The terminal's own editing is off, so the keys that people correct themselves with are ours.
private struct Line: ~Copyable {
    private var memory = SecretBytes(count: SecretPrompt.limit + 1) { _ in }
    private var length = 0

    var entered: SecretBytes { SecretBytes(copying: memory.span.extracting(0..<length)) }
    private var last: UInt8 { memory.span[length] }

    /// Reads one byte; false at the end of the line.
    mutating func take(from descriptor: Int32) throws(SecretPrompt.Failure) -> Bool {
        let place = length
        let got = memory.withMutableBytes { target in
            unsafe target.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress.map { unsafe $0 + place }, 1)
            }
        }
        guard got == 1 else {
            guard got < 0, errno == EINTR else { throw .abandoned }
            return true
        }
        switch last {
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"): return false
        case 0x03: throw .abandoned
        case 0x04:
            guard length > 0 else { throw .abandoned }
        case 0x08, 0x7f: erase()
        case 0x15: length = 0
        default:
            guard length < SecretPrompt.limit else { throw .tooLong(limit: SecretPrompt.limit) }
            length += 1
        }
        return true
    }

    /// Takes back the last character: of UTF-8 all its bytes.
    private mutating func erase() {
        while length > 0 {
            length -= 1
            if last & 0xC0 != 0x80 { return }
        }
    }
}
