// SPDX-License-Identifier: Apache-2.0
import Testing
import YAML

@Suite struct YAMLTextTests {
    @Test(arguments: [
        "plain", "/var/lib/a b", "", "true", "no", "Null", "~", "123", "1e3", "0x10", ".5", "-", "- a", "a: b", "a #b",
        "it's", "\"quoted\"", "back\\slash", "tab\tnew\nline\r", "ünï", "\u{7}\u{1B}[31m", "\u{85}\u{2028}\u{200B}",
        "*x", "&x", "!x", "%x", "@x", "`x", "[a]", "{a}", " lead", "trail ", "a\u{FEFF}b", "0b1", "nan", "inf", "1_000",
        "emoji 🗝️", "env:NAME", "..", ".", "12:30:45", "y", "=", "<<",
    ])
    func `whatever is written is read back`(text: String) throws {
        for written in [YAMLText.scalar(text), YAMLText.quoted(text)] {
            let document = try #require(try YAMLParser().documents(in: "key: \(written) # comment\n").first)
            #expect(document["key"]?.text == text)
        }
    }

    @Test func `control characters never reach a terminal`() {
        let quoted = YAMLText.quoted("\u{1B}[2J\u{202E}abc")
        #expect(quoted == #""\x1b[2J\u202eabc""#)
    }

    @Test func `long text is cut`() { #expect(YAMLText.quoted("abcdef", limit: 3) == "\"abc…\"") }
}
