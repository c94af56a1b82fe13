// SPDX-License-Identifier: Apache-2.0
import Concurrency
import Foundation
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct LoggerTests {
    @Test func `a line that does not pass the filter costs neither message nor fields`() throws {
        let made = Lock(0)
        @Sendable func message() -> String {
            made.withLock { $0 += 1 }
            return "m"
        }
        let text = try captureLog("warn") { logger in
            logger.info(.http, message(), ["field": .text(message())])
            logger.debug(.http, message())
        }
        #expect(text.isEmpty)
        #expect(made.withLock { $0 } == 0)
    }

    @Test func `lines come out in order, each once`() throws {
        let text = try captureLog { logger in
            for number in 0..<5000 { logger.info(.chamber, "m", ["number": .integer(number)]) }
        }
        let numbers = text.split(separator: "\n").compactMap { $0.split(separator: "=").last }.compactMap { Int($0) }
        #expect(numbers == Array(0..<5000))
    }

    @Test func `a flush returns when everything before it is written`() throws {
        let output = Lock(0)
        let logger = Logger(filter: LogFilter(.info), format: .json) { bytes in
            output.withLock { $0 += bytes.count { $0 == UInt8(ascii: "\n") } }
        }
        for round in 1...50 {
            logger.info(.chamber, "m")
            #expect(logger.flush())
            #expect(output.withLock { $0 } == round)
        }
        logger.stop()
    }

    @Test func `a writer that hangs costs info lines first, and the log says how many`() throws {
        let gate = Condition((isOpen: false, isEntered: false))
        let output = Lock<[UInt8]>([])
        let logger = Logger(filter: LogFilter(.trace), format: .text) { bytes in
            gate.broadcast { $0.isEntered = true }
            _ = gate.wait { $0.isOpen ? true : nil }
            output.withLock { $0 += bytes }
        }
        logger.info(.chamber, "first")
        _ = gate.wait { $0.isEntered ? true : nil }
        for _ in 0..<9000 { logger.info(.chamber, "ordinary") }
        for _ in 0..<100 { logger.warn(.chamber, "important") }
        for _ in 0..<100 { logger.audit(AuditEvent(.signing(operation: "ATTESTATION"), .done)) }
        #expect(logger.lostLines == (9000 - 8192, 0))
        #expect(!logger.flush(timeout: .zero))
        gate.broadcast { $0.isOpen = true }
        logger.stop()
        let text = String(decoding: output.withLock { $0 }, as: UTF8.self)
        #expect(text.split(separator: "\n").count { $0.hasSuffix("ordinary") } == 8192)
        #expect(text.split(separator: "\n").count { $0.hasSuffix("important") } == 100)
        #expect(text.split(separator: "\n").count { $0.contains("audit: signed") } == 100)
        #expect(text.contains("did not keep up info_and_below=808 warn_error_audit=0\n"))
    }

    @Test func `even warnings are bounded, and their loss is an error`() throws {
        let gate = Condition(false)
        let output = Lock<[UInt8]>([])
        let logger = Logger(filter: LogFilter(.trace), format: .text) { bytes in
            _ = gate.wait { $0 ? true : nil }
            output.withLock { $0 += bytes }
        }
        for _ in 0..<100_000 { logger.warn(.chamber, "important") }
        let lost = logger.lostLines.important
        #expect(lost > 30_000)
        gate.broadcast { $0 = true }
        logger.stop()
        let text = String(decoding: output.withLock { $0 }, as: UTF8.self)
        #expect(text.contains("ERROR containment_chamber: log lines were dropped"))
        #expect(text.split(separator: "\n").count { $0.hasSuffix("important") } + Int(lost) == 100_000)
    }

    @Test func `an output that fails loses lines, not the logger, and the metrics know`() throws {
        struct Gone: Error {}
        let logger = Logger(filter: LogFilter(.info), format: .json) { _ in throw Gone() }
        let metrics = Metrics(version: "1")
        metrics.observe(logger)
        logger.info(.chamber, "m")
        logger.error(.chamber, "m")
        logger.flush()
        #expect(logger.lostLines == (1, 1))
        #expect(
            metrics.registry.exposition().contains(#"containment_log_lines_lost_total{importance="important"} 1.0"#)
        )
        logger.stop()
    }

    @Test func `many threads log at the same time without losing or mixing lines`() throws {
        let text = try captureLog("info", .json) { logger in
            let threads = (0..<4).map { number in
                Concurrency.Thread(name: "log-\(number)") {
                    for line in 0..<1000 {
                        logger.info(.http, "m", ["thread": .integer(number), "line": .integer(line)])
                    }
                }
            }
            for thread in threads { thread.join() }
        }
        var last = [Int: Int]()
        for line in text.split(separator: "\n") {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: any Sendable]
            let thread = try #require(object?["thread"] as? Int)
            let number = try #require(object?["line"] as? Int)
            #expect(number == (last[thread] ?? -1) + 1)
            last[thread] = number
        }
        #expect(last == [0: 999, 1: 999, 2: 999, 3: 999])
    }

    @Test func `what is logged after the stop is lost and counted`() throws {
        let logger = Logger(filter: LogFilter(.info), format: .text) { _ in }
        logger.stop()
        logger.info(.chamber, "late")
        #expect(logger.lostLines.ordinary == 1)
    }

    @Test func `the silent logger takes everything and is flushed at once`() {
        Logger.silent.error(.chamber, "m")
        Logger.silent.audit(AuditEvent(.signing(operation: "BLOCK"), .done))
        #expect(Logger.silent.flush(timeout: .zero))
    }

    @Test func `a logger writes to a descriptor`() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID())")
        _ = FileManager.default.createFile(atPath: file.path(), contents: nil)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forWritingTo: file)
        let logger = Logger(
            filter: LogFilter(.info),
            format: .text,
            to: OutputDescriptor(handle.fileDescriptor),
            now: { 0 }
        )
        logger.info(.chamber, "written")
        logger.stop()
        #expect(
            try String(contentsOf: file, encoding: .utf8)
                == "1970-01-01T00:00:00.000000Z  INFO containment_chamber: written\n"
        )
        try handle.close()
    }

    @Test func `a descriptor that is closed is an error`() {
        #expect(throws: OutputDescriptor.Failure.self) { try OutputDescriptor(-1).write([1]) }
    }
}
