// SPDX-License-Identifier: Apache-2.0

/// A text in JSON (RFC 8259), read once from front to back: what is not JSON is found here, everything later is a look
/// into it.
///
/// The text stays as it came; beside it stands one small entry a value and a name (``JSONNode``), in the order of the
/// text. No string, number or dictionary is made until someone asks for that value, so what nobody asks for costs only
/// the look at its bytes.
///
/// Strict on purpose: UTF-8 without a byte order mark, no comma before a closing bracket, no comments, nothing after the
/// value, no half of a surrogate pair, no name twice in an object. Two readers that forgive different things can be made to see different messages
/// in the same bytes.
package final class JSONDocument: Sendable {
    /// Arrays and objects inside each other. A sign request has fewer than ten.
    package static let maximumDepth = 64
    /// Values and names together: 16 MiB of entries. A block with every list full has some ten thousand.
    package static let maximumNodes = 1 << 20

    let bytes: [UInt8]
    /// In the order of the text; the first is the outermost value.
    let nodes: [JSONNode]

    /// - Parameters:
    ///   - maximumNodes: values and names that are read at most, for texts that may be longer than a request.
    ///   - refusesDuplicates: whether a name that stands twice in an object is an error. Who reads such a text otherwise has to
    ///     look at all members.
    package init(
        _ bytes: [UInt8],
        maximumNodes: Int = JSONDocument.maximumNodes,
        refusesDuplicates: Bool = true
    ) throws(JSONError) {
        self.bytes = bytes
        var reader = JSONReader(bytes.span, maximumNodes: maximumNodes, refusesDuplicates: refusesDuplicates)
        nodes = try reader.read()
    }

    /// The outermost value.
    package var root: JSONValue { JSONValue(document: self, index: 0) }
}

/// One value or one name of a document: 16 bytes.
struct JSONNode: Sendable {
    enum Kind: UInt8 {
        case null, `false`, `true`, number, string, array, object
    }
    /// Where its text begins and how many bytes it has; of a string and a name, what stands between the quotes.
    var start: UInt32
    var count: UInt32
    /// The place of the node after this one and everything inside it. (While the reader is inside: the place of the
    /// container around this one.)
    var next: UInt32
    var kind: Kind
    /// Whether the string has a backslash, so that its bytes are not yet its value.
    var isEscaped = false

    var range: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
}
