// SPDX-License-Identifier: Apache-2.0
import Arguments
import Testing

@Suite struct HelpTests {
    @Test(arguments: [
        ["--help"], ["server", "--help"], ["anti-slashing", "--help"], ["anti-slashing", "import", "--help"],
        ["inspect", "--help"], ["version", "--help"],
    ])
    func `help fits eighty columns and ends with a line break`(arguments: [String]) throws {
        let help = try #require(sample.parse(arguments).helpText)
        for line in help.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
        #expect(help.hasSuffix("\n") && !help.hasSuffix("\n\n"))
        #expect(help.contains("USAGE") && help.contains("EXIT STATUS"))
    }

    @Test func `help of a command lists everything that it takes`() throws {
        let help = try #require(sample.parse(["server", "--help"]).helpText)
        for text in [
            "-c, --config FILE", "-v, --verbose", "--metrics-enabled[=true|false]", "--server-listen-port NUMBER",
            "METRICS",
            "SERVER", "KEYS", "may be repeated", "-h, --help", "EXAMPLES",
        ] {
            #expect(help.contains(text), "\(text)")
        }
        #expect(
            try #require(sample.parse(["inspect", "-h"]).helpText).contains("chamber inspect [OPTIONS] FILE [MORE...]")
        )
        #expect(
            try #require(sample.parse(["anti-slashing", "import", "-h"]).helpText).contains(
                "import --from FILE [OPTIONS]"
            )
        )
    }

    @Test func `a long example can be copied`() throws {
        let help = try #require(sample.parse(["server", "--help"]).helpText)
        let lines = help.split(separator: "\n").map { $0.drop { $0 == " " } }
        let start = try #require(lines.firstIndex { $0.hasPrefix("chamber server -c config.yaml") })
        let end = try #require(lines[start...].firstIndex { !$0.hasSuffix("\\") })
        let joined = lines[start...end].joined(separator: " ").split(separator: " ").filter { $0 != "\\" }
        #expect(
            joined == [
                "chamber", "server", "-c", "config.yaml", "--server-listen-port", "9000", "--metrics-enabled=false",
                "--path", "one", "--path", "two",
            ]
        )
    }

    @Test func `text is broken at blanks`() {
        #expect(Paragraph.wrap("aa bb cc", width: 5) == "aa bb\ncc")
        #expect(Paragraph.wrap("aa bb cc", indent: 1, hanging: 2, width: 6) == " aa bb\n  cc")
        #expect(Paragraph.wrap("a-very-long-word b", width: 5) == "a-very-long-word\nb")
        #expect(Paragraph.wrap("") == "")
        #expect(Paragraph.row("a", "b c", column: 6) == "  a   b c")
        #expect(Paragraph.row("abcdef", "b c", column: 6) == "  abcdef\n      b c")
    }
}

@Suite struct SuggestionTests {
    @Test(arguments: [
        ("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "acb", 1), ("abc", "ab", 1), ("abc", "", 3),
        ("kitten", "sitting", 3), ("A-b", "a_B", 0),
    ])
    func `edits are counted`(left: String, right: String, edits: Int) {
        #expect(Suggestion.distance(left, right) == edits)
        #expect(Suggestion.distance(right, left) == edits)
    }

    @Test func `only a slip is corrected`() {
        #expect(Suggestion.nearest(to: "exprot", in: ["import", "export"]) == "export")
        #expect(Suggestion.nearest(to: "zzz", in: ["import", "export"]) == nil)
        #expect(Suggestion.nearest(to: "", in: ["a"]) == nil)
        #expect(Suggestion.nearest(to: "xy", in: ["ab"]) == nil)
        #expect(Suggestion.nearest(to: String(repeating: "a", count: 10_000), in: ["a"]) == nil)
    }
}
