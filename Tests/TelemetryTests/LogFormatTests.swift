// SPDX-License-Identifier: Apache-2.0
import Foundation
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct LogFormatTests {
    @Test func `a text line has time, level, target, message and fields`() throws {
        let text = try captureLog { logger in
            logger.info(
                .http,
                "listening",
                ["address": "127.0.0.1", "port": 9000, "tls": false, "ratio": .number(0.5)]
            )
            logger.error(.chamber, "two words", ["why": "two words", "empty": "", "quote": "a\"b", "assign": "a=b"])
        }
        #expect(
            text == """
                2023-11-14T22:13:20.123456Z  INFO containment_chamber::http: listening address=127.0.0.1 port=9000 tls=false ratio=0.5
                2023-11-14T22:13:20.123456Z ERROR containment_chamber: two words why="two words" empty="" quote="a\\"b" assign="a=b"

                """
        )
    }

    @Test func `a JSON line is one flat object`() throws {
        let text = try captureLog("trace", .json) { logger in
            logger.warn(.keys, "a key file was skipped", ["file": "/k/ä.json", "count": -3, "strict": true])
        }
        #expect(
            text == #"{"timestamp":"2023-11-14T22:13:20.123456Z","level":"WARN","target":"containment_chamber::keys","#
                + #""message":"a key file was skipped","file":"/k/ä.json","count":-3,"strict":true}"# + "\n"
        )
    }

    @Test func `numbers that JSON readers would round are strings`() throws {
        let text = try captureLog("trace", .json) { logger in
            logger.info(
                .chamber,
                "m",
                ["exact": .unsigned(1 << 53), "far": .unsigned(.max), "nan": .number(.nan), "inf": .number(.infinity)]
            )
        }
        #expect(text.contains(#""exact":9007199254740992,"far":"18446744073709551615","nan":"nan","inf":"inf"}"#))
    }

    /// Everything below U+3000 and the ends of the planes, in the message and in a value.
    @Test(arguments: LogFormat.allCases) func `no character can start a line, an escape sequence or a field`(
        format: LogFormat
    ) throws {
        for scalar in (0..<0x3000).compactMap(Unicode.Scalar.init) + ["\u{feff}", "\u{e0001}", "\u{f0000}"] {
            let text = try captureLog("trace", format) { logger in
                logger.info(.chamber, "before\(scalar)after", ["value": "before\(scalar) x=\"y\""])
            }
            guard
                scalar.properties.generalCategory == .control
                    || "\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}".unicodeScalars.contains(scalar)
            else { continue }
            #expect(!text.dropLast().unicodeScalars.contains(scalar), "U+\(String(scalar.value, radix: 16))")
            #expect(text.unicodeScalars.filter { $0 == "\n" }.count == 1)
        }
    }

    @Test func `what was escaped is read back by a JSON parser`() throws {
        let hostile = "a\u{0}\u{1b}[31m\r\n\t\"\\\u{7f}\u{85}\u{202e}\u{e0001}é😀"
        let object = try captureObject { $0.info(.http, hostile, ["value": .text(hostile)]) }
        #expect(object["message"] as? String == hostile)
        #expect(object["value"] as? String == hostile)
    }

    @Test func `a long value is cut`() throws {
        let text = try captureLog { $0.info(.chamber, "m", ["value": .text(String(repeating: "é", count: 100_000))]) }
        #expect(text.utf8.count < 3000)
        #expect(text.hasSuffix("...\"\n"))
    }

    @Test func `the time of a line is its instant in UTC`() throws {
        let formatter = ISO8601DateFormatter()
        var second: UInt64 = 0
        // Every few days over two centuries, at changing times of the day.
        while second < 6_300_000_000 {
            let text = try captureLog("trace", .json, time: second * 1_000_000_000 + 7000) { logger in
                logger.info(.chamber, "m")
            }
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(second))).dropLast()
            #expect(text.hasPrefix(#"{"timestamp":"\#(expected).000007Z""#))
            second += 5_000_017
        }
    }

    @Test(
        arguments: [
            (951_827_696, "2000-02-29T12:34:56"), (4_107_542_399, "2100-02-28T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"), (0, "1970-01-01T00:00:00"), (1_735_689_599, "2024-12-31T23:59:59"),
        ] as [(UInt64, String)]
    ) func `leap days are where they belong`(second: UInt64, expected: String) throws {
        let text = try captureLog(time: second * 1_000_000_000) { $0.info(.chamber, "m") }
        #expect(text.hasPrefix(expected + ".000000Z"))
    }
}
