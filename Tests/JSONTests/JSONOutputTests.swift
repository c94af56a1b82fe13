// SPDX-License-Identifier: Apache-2.0
import JSON
import Testing

@Suite struct JSONOutputTests {
    @Test func `what is written is what is read`() throws {
        let text = "\"\\/\u{0}\u{1f}\n\té😀\u{7f}"
        let output: JSONOutput = [
            text: .array([.string(text), .integer(-7), .boolean(true), .boolean(false), [:], .array([])])
        ]
        let root = try JSONDocument(output.bytes).root
        let elements = try Array(#require(root.member(text)).elements)
        #expect(elements.map(\.kind) == [.string, .number, .boolean, .boolean, .object, .array])
        #expect(elements[0].string?.string == text && elements[1].text?.string == "-7" && elements[2].boolean == true)
    }
}
