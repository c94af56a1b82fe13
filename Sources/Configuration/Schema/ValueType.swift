// SPDX-License-Identifier: Apache-2.0

/// How the text of a setting becomes a value and how the value is written back; what documents say about it.
package struct ValueType<Value: Sendable>: Sendable {
    /// Completes "Type: …" in the reference.
    let name: String
    /// Stands for the value in help, such as `NUMBER`.
    let placeholder: String
    /// Written without quotes in YAML: numbers and truth values.
    let isBare: Bool
    /// Never written, wherever a value would be.
    let isSecret: Bool
    let read: @Sendable (String) throws(ValueFailure) -> Value
    let write: @Sendable (Value) -> String

    init(
        _ name: String,
        placeholder: String,
        isBare: Bool = false,
        isSecret: Bool = false,
        read: @escaping @Sendable (String) throws(ValueFailure) -> Value,
        write: @escaping @Sendable (Value) -> String
    ) {
        self.name = name
        self.placeholder = placeholder
        self.isBare = isBare
        self.isSecret = isSecret
        self.read = read
        self.write = write
    }
}

/// Why a text is not the value of a setting: completes a sentence that begins with the key.
package struct ValueFailure: Error, Equatable, Sendable {
    let reason: String
    var hint: String?
    /// Which item of a list, counted from 0.
    var item: Int?

    init(_ reason: String, hint: String? = nil, item: Int? = nil) {
        self.reason = reason
        self.hint = hint
        self.item = item
    }
}
