// SPDX-License-Identifier: Apache-2.0
internal import JSON

/// The reader of JSON in pieces against the reader of whole texts: the first byte of the input says how large the pieces are
/// and how deep containers are entered.
enum PiecesTarget: FuzzTarget {
    static let name = "pieces"

    static func run(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let text = Array(input.dropFirst())
        let whole: Result<JSONDocument, JSONError>
        do throws(JSONError) { whole = .success(try JSONDocument(text, refusesDuplicates: false)) } catch {
            whole = .failure(error)
        }
        let (chunk, depth) = (Int(first & 0x3f) + 1, Int(first >> 6))
        do throws(JSONError) {
            let count = try read(text, chunk: chunk, entering: depth)
            switch whole {
            case .success(let document):
                if count != values(document.root, entering: depth) { violated("pieces lose nothing") }
            // A container that is entered does not count for the depth of what is in it.
            case .failure(.tooDeep): break
            case .failure(let error): violated("what is no JSON is not taken in pieces: \(error)")
            }
        } catch {
            if case .success = whole { violated("what is JSON is taken in pieces too: \(error)") }
        }
    }

    /// How many values were given whole.
    private static func read(_ text: [UInt8], chunk: Int, entering depth: Int) throws(JSONError) -> Int {
        var pieces = JSONPieces(maximumBytes: 1 << 24, maximumNodes: JSONDocument.maximumNodes)
        var (count, position, open) = (0, 0, 0)
        while true {
            switch try pieces.next(entering: open < depth) {
            case nil:
                let end = min(position + chunk, text.count)
                pieces.append(Array(text[position..<end]))
                position = end
            case .opened: open += 1
            case .closed: open -= 1
            case .name: break
            case .value(_, let range):
                if (try? JSONDocument(Array(text[range]), refusesDuplicates: false)) == nil {
                    violated("a value is where it is said to be")
                }
                count += 1
            case .ended: return count
            }
        }
    }

    private static func values(_ value: JSONValue, entering depth: Int) -> Int {
        guard depth > 0, value.kind == .array || value.kind == .object else { return 1 }
        return value.elements.reduce(0) { $0 + values($1, entering: depth - 1) }
            + value.members.reduce(0) { $0 + values($1.value, entering: depth - 1) }
    }

    static func seeds() throws -> [[UInt8]] {
        let texts = try JSONTarget.seeds() + InterchangeTarget.seeds()
        return texts.enumerated().map { number, text in [UInt8(truncatingIfNeeded: number * 37)] + text }
    }

    static let words = JSONTarget.words
}
