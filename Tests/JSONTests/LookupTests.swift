// SPDX-License-Identifier: Apache-2.0
import JSON
import Testing

private func root(_ text: String) throws -> JSONValue { try JSONDocument(Array(text.utf8)).root }

@Suite struct LookupTests {
    @Test func `a member is found behind whatever stands before it`() throws {
        for before in [
            "", "\"b\":{\"a\":2},", "\"b\":[{\"a\":[2]},[[]],{}],", "\"b\":\"a\",\"\":{},", "\"aa\":2,\"A\":3,",
        ] {
            #expect(try root("{\(before)\"a\":1}").member("a")?.text?.string == "1")
        }
        for without in ["{}", "{\"b\":{\"a\":1}}", "[\"a\",1]", "\"a\"", "1", "{\"b\":\"a\"}", "{\"A\":1}"] {
            #expect(try root(without).member("a") == nil)
        }
    }

    @Test(arguments: [
        ("{\"a\":1,\"b\":0,\"a\":{\"a\":3}}", 14), ("{\"a\":1,\"\\u0061\":2}", 8), ("{\"\\u0061\":2,\"a\":1}", 13),
        ("[{},{\"b\":{\"\":1,\"\":1}}]", 16),
    ])
    func `a name that stands twice is refused`(text: String, place: Int) {
        #expect(throws: JSONError.duplicateName(at: place)) { try root(text) }
    }

    @Test(arguments: [2, 16, 17, 40, 5000])
    func `among many names too`(count: Int) throws {
        let names = (0..<count).map { "\"n\($0)\":0" }
        let object = try root("{\(names.joined(separator: ","))}")
        #expect(object.members.count(where: { _ in true }) == count)
        for place in [0, count / 2, count - 1] {
            #expect(throws: JSONError.self) { try root("{\((names + [names[place]]).joined(separator: ","))}") }
        }
    }

    @Test func `the same name may stand in different objects`() throws {
        #expect(try root("[{\"a\":{\"a\":[{\"a\":1}]}},{\"a\":1}]").kind == .array)
    }

    @Test func `names are compared byte for byte`() throws {
        let object = try root("{\"\u{e9}\":1,\"e\u{301}\":2}")
        #expect(object.member("\u{e9}")?.text?.string == "1")
        #expect(object.member("e\u{301}")?.text?.string == "2")
        #expect(Set(object.members.map { $0.name.span.count }) == [2, 3])
    }

    @Test(arguments: [
        ("a\\u0062c", "abc"), ("\\u0061bc", "abc"), ("ab\\u0063", "abc"), ("\\ud83d\\ude00", "😀"), ("\\n", "\n"),
    ])
    func `a name with escapes is the name they stand for, and no other`(text: String, name: String) throws {
        let object = try root("{\"\(text)\":1}")
        #expect(object.member(name) != nil)
        for other in ["", name + "x", "x" + name, String(name.dropLast()), text, name + name] {
            #expect(object.member(other) == nil)
        }
    }

    @Test func `elements and members come in the order of the text`() throws {
        let array = try root("[1,[2,[3]],{\"a\":4},\"5\",null,true,false]")
        #expect(array.elements.map(\.kind) == [.number, .array, .object, .string, .null, .boolean, .boolean])
        #expect(array.elements.map(\.boolean) == [nil, nil, nil, nil, nil, true, false])
        #expect(Array(array.members).isEmpty)
        let object = try root("{\"b\":[1,2],\"a\":{},\"B\":3}")
        #expect(object.members.map(\.name.string) == ["b", "a", "B"])
        #expect(object.members.map(\.value.kind) == [.array, .object, .number])
        #expect(Array(object.elements).isEmpty)
        #expect(try Array(root("[]").elements).isEmpty && Array(root("{}").members).isEmpty)
        #expect(try Array(root("1").elements).isEmpty && Array(root("1").members).isEmpty)
    }

    @Test func `only strings and numbers have a text`() throws {
        #expect(try root("[null,true,[],{},1,\"\"]").elements.map { $0.text?.string } == [nil, nil, nil, nil, "1", ""])
    }

    @Test func `a number is not a string, and only null is null`() throws {
        let elements = try Array(root("[null,1,\"1\",\"null\"]").elements)
        #expect(elements.map { $0.string?.string } == [nil, nil, "1", "null"])
        #expect(elements.map(\.isNull) == [true, false, false, false])
    }

    @Test func `a value knows the way to itself`() throws {
        let document = try root("{\"x\":[[0],{\"y\\u007a\":[1,{\"x\":2}]}],\"x2\":3}")
        func path(_ value: JSONValue?) -> String? {
            value?.path.map { step in
                switch step {
                case .member(let name): "." + name.string
                case .element(let place): "[\(place)]"
                }
            }.joined()
        }
        let inner = document.member("x").flatMap { Array($0.elements).last }?.member("yz")
        #expect(path(document) == "")
        #expect(path(document.member("x2")) == ".x2")
        #expect(path(inner) == ".x[1].yz")
        #expect(path(inner.flatMap { Array($0.elements).last }?.member("x")) == ".x[1].yz[1].x")
    }

    @Test func `fifty thousand members are looked through`() throws {
        let members = (0..<50_000).map { "\"k\($0)\":[\($0)]" }.joined(separator: ",")
        let object = try root("{\(members)}")
        #expect(object.member("k0").flatMap { Array($0.elements).first }?.text?.string == "0")
        #expect(object.member("k49999").flatMap { Array($0.elements).first }?.text?.string == "49999")
        #expect(object.member("k50000") == nil)
        let escaped = try root("{\(members.replacing("\"k", with: "\"\\u006b"))}")
        #expect(escaped.member("k49999")?.kind == .array)
        #expect(escaped.member("k50000") == nil)
        let long = String(repeating: "n", count: 1_000_000)
        #expect(try root("{\"\(long)\":1}").member(long)?.kind == .number)
    }
}
