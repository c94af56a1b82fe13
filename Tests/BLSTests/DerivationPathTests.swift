// SPDX-License-Identifier: Apache-2.0
import BLS
import TestSupport
import Testing

@Suite struct DerivationPathTests {
    @Test func `the paths of a validator are those of EIP-2334`() {
        #expect(DerivationPath.withdrawal(validator: 5).description == "m/12381/3600/5/0")
        #expect(DerivationPath.signing(validator: 0).description == "m/12381/3600/0/0/0")
        #expect(DerivationPath.signing(validator: .max).description == "m/12381/3600/4294967295/0/0")
    }

    @Test(arguments: [
        "m/12381/3600/0/0/0", "m/12381/3600/7/0", "m/12381/60/3141592653/589793238", "m/12381/0/4294967295/1/2/3",
        "m/12381" + String(repeating: "/4294967295", count: 15),
    ])
    func `a path that is read is written the same`(_ text: String) throws {
        #expect(try DerivationPath(text).description == text)
    }

    @Test(
        arguments: [
            ("", .noMaster), ("/", .noMaster), ("M/12381/3600/0/0", .noMaster), (" m/12381/3600/0/0", .noMaster),
            ("12381/3600/0/0", .noMaster), ("mm/12381/3600/0/0", .noMaster), ("n/12381/3600/0/0", .noMaster),
            ("m", .levels(0)), ("m/12381", .levels(1)), ("m/12381/3600/0", .levels(3)),
            ("m/12381" + String(repeating: "/1", count: 16), .levels(17)),
            ("m/12381" + String(repeating: "/1", count: 100_000), .levels(100_001)),
            ("m/", .notAnIndex(level: 1)), ("m//3600/0/0", .notAnIndex(level: 1)),
            ("m/12381/3600/0/0/", .notAnIndex(level: 5)), ("m/12381/3600/0/ 0", .notAnIndex(level: 4)),
            ("m/12381/3600/0/0 ", .notAnIndex(level: 4)), ("m/12381/3600/0/0\n", .notAnIndex(level: 4)),
            ("m/12381/3600/00/0", .notAnIndex(level: 3)), ("m/12381/3600/0/+1", .notAnIndex(level: 4)),
            ("m/12381/3600/-0/0", .notAnIndex(level: 3)), ("m/12381/3600/0'/0", .notAnIndex(level: 3)),
            ("m/12381/3600/0x1/0", .notAnIndex(level: 3)), ("m/12381/3600/4294967296/0", .notAnIndex(level: 3)),
            ("m/12381/3600/18446744073709551616/0", .notAnIndex(level: 3)), ("m/12381/3600/٣/0", .notAnIndex(level: 3)),
            ("m/12381/3600/1.0/0", .notAnIndex(level: 3)), ("m/44/60/0/0", .purpose(44)),
        ] as [(String, DerivationPath.Failure)]
    )
    func `what is malformed is refused with its reason`(_ text: String, _ reason: DerivationPath.Failure) {
        #expect(throws: reason) { _ = try DerivationPath(text) }
    }

    @Test func `no text crashes the reader, and what it takes it writes again`() {
        var random = SeededGenerator.fromEnvironment()
        let pieces = [
            "m", "/", "/", "12381", "3600", "0", "1", "4294967295", "4294967296", "'", " ", "é", "\u{0}", "-",
        ]
        for _ in 0..<20_000 {
            var text = Bool.random(using: &random) ? "m/12381/3600" : ""
            for _ in 0..<Int.random(in: 0...12, using: &random) { text += pieces.randomElement(using: &random) ?? "" }
            guard let path = try? DerivationPath(text) else { continue }
            #expect(path.description == text, "seed \(random.seed)")
        }
    }
}
