// SPDX-License-Identifier: Apache-2.0
import JSON
import TestSupport
import Testing

/// Long texts, value by value.
@Suite struct JSONPiecesTests {
    /// What is told of a text, in one line a piece; containers are entered down to a depth.
    private func pieces(of text: [UInt8], chunk: Int, entering depth: Int) throws(JSONError) -> [String] {
        var pieces = JSONPieces(maximumBytes: 1 << 20, maximumNodes: 1 << 16)
        var (lines, position, open): ([String], Int, Int) = ([], 0, 0)
        while true {
            guard let piece = try pieces.next(entering: open < depth) else {
                let end = min(position + chunk, text.count)
                pieces.append(Array(text[position..<end]))
                position = end
                continue
            }
            switch piece {
            case .opened(let isObject):
                open += 1
                lines.append(isObject ? "{" : "[")
            case .closed:
                open -= 1
                lines.append("close")
            case .name(let name): lines.append("name \(name)")
            case .value(_, let range): lines.append("value \(String(decoding: text[range], as: UTF8.self))")
            case .ended: return lines
            }
        }
    }

    @Test func `containers are entered where that is asked for, all else is given whole`() throws {
        let text = Array(#" {"a" : [1, {"b": [2]}, "x]"] , "c":{}, "\u0064":-1.5e3 } "#.utf8)
        for chunk in 1...20 {
            #expect(
                try pieces(of: text, chunk: chunk, entering: 1) == [
                    "{", "name a", #"value [1, {"b": [2]}, "x]"]"#, "name c", "value {}", "name d", "value -1.5e3",
                    "close",
                ]
            )
            #expect(
                try pieces(of: text, chunk: chunk, entering: 2).prefix(6) == [
                    "{", "name a", "[", "value 1", #"value {"b": [2]}"#, #"value "x]""#,
                ]
            )
        }
        #expect(try pieces(of: Array("12".utf8), chunk: 1, entering: 1) == ["value 12"])
        #expect(try pieces(of: Array("[]".utf8), chunk: 1, entering: 1) == ["[", "close"])
    }

    /// Whatever is done to a text: read in pieces, it is JSON exactly where the reader of whole texts says so.
    @Test func `pieces are as strict as the reader of the whole`() {
        var random = SeededGenerator.fromEnvironment()
        let seeds = [
            #"{"a":[1,{"b":"\"\\]"},null],"c":{"d":[true,false,"é"]},"e":-0.5e+7}"#, "[[],{},\"\",0]", "\"x\"", "17 ",
        ]
        var accepted = 0
        for _ in 0..<20_000 {
            var text = Array((seeds.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) where !text.isEmpty {
                let place = Int.random(in: 0..<text.count, using: &random)
                if random.once(in: 2) {
                    text.remove(at: place)
                } else {
                    text.insert("{}[],:\"\\ 0-ntu".utf8.randomElement(using: &random) ?? 0, at: place)
                }
            }
            let isJSON = (try? JSONDocument(text, refusesDuplicates: false)) != nil
            let chunk = Int.random(in: 1...12, using: &random)
            let depth = Int.random(in: 0...3, using: &random)
            let isTaken = (try? pieces(of: text, chunk: chunk, entering: depth)) != nil
            #expect(isTaken == isJSON, "\(String(decoding: text, as: UTF8.self)) in \(chunk), depth \(depth)")
            if isTaken { accepted += 1 }
        }
        #expect(accepted > 2_000)
    }

    @Test func `a value that is too long is refused before all of it is held`() {
        var pieces = JSONPieces(maximumBytes: 100, maximumNodes: 1 << 16)
        pieces.append(Array("[\"".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 200))
        #expect(throws: JSONError.tooLong(limit: 100)) {
            while try pieces.next(entering: true) != nil {}
        }
    }

    @Test func `an error names its place in the whole text`() {
        let text = Array(#"[1,{"a":01}]"#.utf8)
        #expect(throws: JSONError.malformedNumber(at: 8)) { try self.pieces(of: text, chunk: 3, entering: 1) }
        #expect(throws: JSONError.unexpectedByte(at: 2)) {
            try self.pieces(of: Array("[1;2]".utf8), chunk: 3, entering: 1)
        }
    }
}
