// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A file descriptor that is written to, by a thread that may block. The descriptor belongs to whoever opened it.
package struct OutputDescriptor: Sendable {
    package static let standardOutput = OutputDescriptor(1)
    package static let standardError = OutputDescriptor(2)

    private let number: Int32
    package init(_ number: Int32) { self.number = number }

    /// The reader has gone, the disk is full, or the descriptor is closed.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package let code: Int32
        package var description: String { "the output could not be written (error \(code))" }
    }

    /// Writes everything, waiting as long as the reader takes. Blocks: never from a task. The process must ignore
    /// SIGPIPE, or a reader that leaves ends it.
    package func write(_ bytes: [UInt8]) throws(Failure) {
        var position = 0
        while position < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(number, buffer.baseAddress.map { unsafe $0 + position }, bytes.count - position)
            }
            if written >= 0 {
                position += written
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var waiting = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
                unsafe _ = poll(&waiting, 1, -1)
            case let code: throw Failure(code: code)
            }
        }
    }
}
