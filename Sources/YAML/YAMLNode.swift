// SPDX-License-Identifier: Apache-2.0

/// A piece of a YAML document with the place it was read from.
package struct YAMLNode: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping(YAMLMapping)
    }

    package var content: Content
    /// The tag as written (`!!str` arrives as `tag:yaml.org,2002:str`), nil where none was.
    package var tag: String?
    package var position: YAMLPosition

    package init(_ content: Content, tag: String? = nil, position: YAMLPosition) {
        self.content = content
        self.tag = tag
        self.position = position
    }

    package var scalar: YAMLScalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
    package var sequence: [YAMLNode]? { if case .sequence(let items) = content { items } else { nil } }
    package var mapping: YAMLMapping? { if case .mapping(let mapping) = content { mapping } else { nil } }

    /// The text of a scalar that is not null; nil for everything else.
    package var text: String? { if let scalar, !scalar.isNull { scalar.text } else { nil } }

    /// True for a plain scalar that says nothing: empty, `~` or `null`.
    package var isNull: Bool { scalar?.isNull ?? false }

    /// The value of `key`, where this is a mapping that has it.
    package subscript(key: String) -> YAMLNode? { mapping?[key] }
}

/// Text as YAML gives it: always text, whatever it looks like. What `9000` or `true` mean is for the reader to say.
package struct YAMLScalar: Sendable, Equatable {
    package enum Style: Sendable { case plain, singleQuoted, doubleQuoted, literal, folded }

    package var text: String
    package var style: Style
    /// Where the parser handed this value to its `withhold` closure instead of keeping it: the number of the value,
    /// counted from 0. `text` is then empty.
    package var withheld: Int?

    package init(_ text: String, style: Style = .plain, withheld: Int? = nil) {
        self.text = text
        self.style = style
        self.withheld = withheld
    }

    /// The null of YAML's core schema. Quoted text is never null.
    package var isNull: Bool {
        withheld == nil && style == .plain && ["", "~", "null", "Null", "NULL"].contains(text)
    }
}

/// Keys and values in the order of the text; no key twice.
package struct YAMLMapping: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var key: String
        package var keyPosition: YAMLPosition
        package var value: YAMLNode

        package init(key: String, keyPosition: YAMLPosition, value: YAMLNode) {
            self.key = key
            self.keyPosition = keyPosition
            self.value = value
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry] = []) { self.entries = entries }

    package subscript(key: String) -> YAMLNode? { entries.first { $0.key == key }?.value }
}

/// Line and column, both counted from 1.
package struct YAMLPosition: Sendable, Hashable, CustomStringConvertible {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package var description: String { "line \(line), column \(column)" }
}
