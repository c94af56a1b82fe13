// SPDX-License-Identifier: Apache-2.0
internal import CYAML
internal import Glibc

/// What libyaml reports, in Swift values.
enum YAMLEvent {
    case streamStart, streamEnd, documentStart, documentEnd
    case alias
    case scalar(YAMLScalar, tag: String?, hasAnchor: Bool)
    case sequenceStart(tag: String?, hasAnchor: Bool)
    case mappingStart(tag: String?, hasAnchor: Bool)
    case sequenceEnd, mappingEnd
}

/// The one owner of a `yaml_parser_t`. The text must outlive it, so it exists only inside `YAMLParser`'s closure.
@safe struct EventReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeBufferPointer<UInt8>

    init(_ text: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        unsafe parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        unsafe self.text = unsafe text
        guard unsafe yaml_parser_initialize(parser) == 1 else { throw .outOfMemory }
        // Told, not guessed: libyaml would otherwise also read UTF-16.
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        let (characters, raw) = unsafe (parser.pointee.buffer, parser.pointee.raw_buffer)
        unsafe Self.wipe(characters.start, upTo: characters.end)
        unsafe Self.wipe(raw.start, upTo: raw.end)
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    /// The next event and its place. A scalar for which `isWithheld` is true goes to `withhold` and not into the event.
    /// libyaml's copy of every scalar is wiped before it is freed; pieces that it left behind while a buffer grew are
    /// beyond our reach.
    mutating func next(
        isWithheld: Bool,
        _ withhold: (Span<UInt8>) -> Int
    ) throws(YAMLError) -> (event: YAMLEvent, position: YAMLPosition) {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { unsafe yaml_event_delete(&event) }
        let position = unsafe Self.position(event.start_mark)
        if unsafe event.type == YAML_SCALAR_EVENT {
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeMutableBufferPointer(start: scalar.value, count: Int(scalar.length))
            defer { unsafe Self.wipe(scalar.value, upTo: scalar.value + bytes.count) }
            let style = Self.style(unsafe scalar.style)
            let value =
                isWithheld
                ? YAMLScalar("", style: style, withheld: withhold(unsafe Span(_unsafeElements: bytes)))
                : YAMLScalar(unsafe String(decoding: bytes, as: UTF8.self), style: style)
            return unsafe (.scalar(value, tag: Self.text(scalar.tag), hasAnchor: scalar.anchor != nil), position)
        }
        return (unsafe Self.structure(event), position)
    }

    private static func structure(_ event: yaml_event_t) -> YAMLEvent {
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: .streamStart
        case YAML_DOCUMENT_START_EVENT: .documentStart
        case YAML_DOCUMENT_END_EVENT: .documentEnd
        case YAML_ALIAS_EVENT: .alias
        case YAML_SEQUENCE_START_EVENT:
            unsafe .sequenceStart(
                tag: text(event.data.sequence_start.tag),
                hasAnchor: event.data.sequence_start.anchor != nil
            )
        case YAML_SEQUENCE_END_EVENT: .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            unsafe .mappingStart(
                tag: text(event.data.mapping_start.tag),
                hasAnchor: event.data.mapping_start.anchor != nil
            )
        case YAML_MAPPING_END_EVENT: .mappingEnd
        default: .streamEnd
        }
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    private static func position(_ mark: yaml_mark_t) -> YAMLPosition {
        YAMLPosition(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }

    /// libyaml's account of what went wrong. Its sentences quote nothing of the text.
    private func failure() -> YAMLError {
        switch unsafe parser.pointee.error {
        case YAML_MEMORY_ERROR: return .outOfMemory
        case YAML_READER_ERROR:
            let offset = unsafe Int(clamping: parser.pointee.problem_offset)
            return .notUTF8(at: unsafe Self.position(atByte: min(offset, text.count), of: text))
        default:
            let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "unknown reason"
            return .syntax(reason: problem, at: unsafe Self.position(parser.pointee.problem_mark))
        }
    }

    private static func position(atByte offset: Int, of text: UnsafeBufferPointer<UInt8>) -> YAMLPosition {
        var position = YAMLPosition(line: 1, column: 1)
        for index in 0..<offset {
            if unsafe text[index] == UInt8(ascii: "\n") {
                position = YAMLPosition(line: position.line + 1, column: 1)
            } else {
                position.column += 1
            }
        }
        return position
    }

    private static func wipe(_ start: UnsafeMutablePointer<UInt8>?, upTo end: UnsafeMutablePointer<UInt8>?) {
        guard let start = unsafe start, let end = unsafe end else { return }
        unsafe explicit_bzero(start, end - start)
    }
}
