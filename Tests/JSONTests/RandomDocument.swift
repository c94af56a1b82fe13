// SPDX-License-Identifier: Apache-2.0

/// Random numbers that are the same in every run, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// Writes a random document that is JSON: every kind of value, blanks where they may be, characters raw and escaped.
/// Names in one object differ, since readers disagree about duplicates.
struct RandomDocument {
    private var random: SplitMix
    private(set) var text = ""

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        writeValue(depth: 0)
    }

    var bytes: [UInt8] { Array(text.utf8) }

    private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    private mutating func writeBlanks() {
        while below(6) == 0 { text += [" ", "\n", "\t", "\r"][below(4)] }
    }

    private mutating func writeValue(depth: Int) {
        writeBlanks()
        // The outermost value is a container, or there would be little to see.
        switch depth == 0 ? below(2) : below(depth > 6 ? 6 : 10) + (depth > 6 ? 4 : 0) {
        case 0, 2: writeObject(depth)
        case 1, 3: writeArray(depth)
        case 4: text += ["null", "true", "false"][below(3)]
        case 5, 6: writeNumber()
        default: writeString(unique: nil)
        }
        writeBlanks()
    }

    private mutating func writeObject(_ depth: Int) {
        text += "{"
        let count = below(6)
        if count == 0 { writeBlanks() }
        for place in 0..<count {
            if place > 0 { text += "," }
            writeBlanks()
            writeString(unique: place)
            writeBlanks()
            text += ":"
            writeValue(depth: depth + 1)
        }
        text += "}"
    }

    private mutating func writeArray(_ depth: Int) {
        text += "["
        let count = below(6)
        if count == 0 { writeBlanks() }
        for place in 0..<count {
            if place > 0 { text += "," }
            writeValue(depth: depth + 1)
        }
        text += "]"
    }

    private mutating func writeNumber() {
        if below(2) == 0 { text += "-" }
        text += below(4) == 0 ? "0" : String(below(1 << (1 + below(52))) + 1)
        if below(3) == 0 { text += "." + String(below(100_000)) }
        if below(3) == 0 { text += ["e", "E"][below(2)] + ["", "+", "-"][below(3)] + String(below(40)) }
    }

    private mutating func writeString(unique: Int?) {
        text += "\""
        for _ in 0..<below(12) {
            let limits: [UInt32] = [0x20, 0x80, 0x800, 0x1_0000, 0x11_0000]
            guard let scalar = Unicode.Scalar(UInt32.random(in: 0..<limits[below(5)], using: &random)) else { continue }
            write(scalar)
        }
        if let unique { text += "\(unique)" }
        text += "\""
    }

    private mutating func write(_ scalar: Unicode.Scalar) {
        let short: [Unicode.Scalar: String] = [
            "\"": "\\\"", "\\": "\\\\", "/": "\\/", "\u{8}": "\\b", "\u{c}": "\\f", "\n": "\\n", "\r": "\\r",
            "\t": "\\t",
        ]
        if let escape = short[scalar], below(2) == 0 {
            text += escape
        } else if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || below(3) == 0 {
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16, uppercase: below(2) == 0)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        } else {
            text.unicodeScalars.append(scalar)
        }
    }
}
