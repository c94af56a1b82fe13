// SPDX-License-Identifier: Apache-2.0
import Testing
import YAML

@Suite struct YAMLParserTests {
    private func parse(_ text: String, limits: YAMLParser.Limits = .init()) throws(YAMLError) -> [YAMLNode] {
        try YAMLParser(limits: limits).documents(in: text)
    }

    @Test func `a mapping keeps the order of its keys and the place of each`() throws {
        let document = try #require(try parse("zebra: 1\napple:\n  - a\n  - b\n").first)
        let entries = try #require(document.mapping).entries
        #expect(entries.map(\.key) == ["zebra", "apple"])
        #expect(entries[1].keyPosition == YAMLPosition(line: 2, column: 1))
        #expect(document["apple"]?.sequence?[1].position == YAMLPosition(line: 4, column: 5))
        #expect(document["apple"]?.sequence?.map(\.text) == ["a", "b"])
        #expect(document["none"] == nil)
    }

    @Test func `scalars stay text whatever they look like`() throws {
        let document = try #require(try parse("a: 0900\nb: yes\nc: 1e3\nd: 2024-01-01").first)
        #expect(document.mapping?.entries.map(\.value.text) == ["0900", "yes", "1e3", "2024-01-01"])
    }

    @Test func `every quoting style is read and reported`() throws {
        let text = "p: plain\ns: 'it''s'\nd: \"a\\tb\"\nl: |\n  one\n  two\nf: >\n  one\n  two\n"
        let entries = try #require(try parse(text).first?.mapping).entries
        #expect(entries.map(\.value.scalar?.text) == ["plain", "it's", "a\tb", "one\ntwo\n", "one two\n"])
        #expect(
            entries.map(\.value.scalar?.style) == [.plain, .singleQuoted, .doubleQuoted, .literal, .folded]
        )
    }

    @Test(arguments: ["a:", "a: ~", "a: null", "a: NULL"])
    func `a plain null says nothing`(text: String) throws {
        let value = try #require(try parse(text).first?["a"])
        #expect(value.isNull)
        #expect(value.text == nil)
    }

    @Test(arguments: ["a: ''", "a: \"null\"", "a: '~'"])
    func `a quoted null is text`(text: String) throws {
        let value = try #require(try parse(text).first?["a"])
        #expect(!value.isNull)
        #expect(value.text != nil)
    }

    @Test func `every document of a stream is read`() throws {
        #expect(try parse("a: 1\n---\na: 2\n...\n---\na: 3\n").map { $0["a"]?.text } == ["1", "2", "3"])
    }

    @Test(arguments: ["", "\n\n", "# only a comment\n", "\u{FEFF}"])
    func `a text without content has no document`(text: String) throws {
        #expect(try parse(text).isEmpty)
    }

    @Test func `a byte order mark is skipped`() throws {
        #expect(try parse("\u{FEFF}a: 1").first?["a"]?.text == "1")
    }

    @Test func `tags are reported as written`() throws {
        #expect(try parse("a: !!str 1").first?["a"]?.tag == "tag:yaml.org,2002:str")
        #expect(try parse("a: !mine 1").first?["a"]?.tag == "!mine")
        #expect(try parse("a: 1").first?["a"]?.tag == nil)
    }

    @Test func `withheld values reach only the closure`() throws {
        let bytes = Array("type: raw\nprivateKey: \"0xsecret\"\nother: plain\n---\nprivateKey: |\n  second\n".utf8)
        var seen: [[UInt8]] = []
        let documents = try YAMLParser().documents(in: bytes.span, withholding: ["privateKey"]) { span in
            seen.append((0..<span.count).map { span[$0] })
        }
        #expect(seen == [Array("0xsecret".utf8), Array("second\n".utf8)])
        #expect(documents[0]["privateKey"]?.scalar?.withheld == 0)
        #expect(documents[1]["privateKey"]?.scalar?.withheld == 1)
        #expect(documents[0]["privateKey"]?.scalar?.text == "")
        #expect(documents[0]["privateKey"]?.isNull == false)
        #expect(documents[0]["other"]?.text == "plain")
        #expect(!"\(documents)".contains("secret") && !"\(documents)".contains("second"))
    }

    @Test func `a withheld key that holds a list is an ordinary list`() throws {
        var calls = 0
        let bytes = Array("privateKey: [a, b]".utf8)
        let documents = try YAMLParser().documents(in: bytes.span, withholding: ["privateKey"]) { _ in calls += 1 }
        #expect(calls == 0)
        #expect(documents[0]["privateKey"]?.sequence?.count == 2)
    }
}
