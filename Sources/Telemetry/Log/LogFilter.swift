// SPDX-License-Identifier: Apache-2.0

/// Which lines are written, in the syntax of `RUST_LOG`: directives with commas between them, each a level for
/// everything (`info`, `off`), a target (`audit`: all of it) or a target with its level (`audit=info`).
///
/// The longest directive that names a target or a parent of it counts, then the bare level, else `error`. A part of the
/// program can be named without its parent: `http=debug` is `containment_chamber::http=debug`. A target that this
/// program does not have is no error: filters are shared between programs.
package struct LogFilter: Sendable, Equatable {
    /// Why a text is not a filter.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case unknownLevel(String, directive: String)
        case noTarget(directive: String)

        package var description: String {
            switch self {
            case .unknownLevel(let level, let directive):
                "the log filter has the unknown level '\(level)' in '\(directive)'; "
                    + "levels are off, error, warn, info, debug and trace"
            case .noTarget(let directive): "the log filter has no target before '=' in '\(directive)'"
            }
        }
    }

    /// The highest value of `LogLevel` that passes, for each target; 0 is off.
    private var limits: [UInt8]

    /// The same level for every target; nil is off.
    package init(_ level: LogLevel?) {
        limits = Array(repeating: level?.rawValue ?? 0, count: LogTarget.allCases.count)
    }

    package init(parsing text: String) throws(Failure) {
        var bare = LogLevel.error.rawValue
        var named: [(name: String, limit: UInt8)] = []
        for part in text.split(separator: ",") {
            let directive = part.filter { !$0.isWhitespace }
            if directive.isEmpty { continue }
            if let equals = directive.firstIndex(of: "=") {
                let name = String(directive[..<equals])
                let level = String(directive[directive.index(after: equals)...])
                guard !name.isEmpty else { throw .noTarget(directive: directive) }
                guard let limit = Self.limit(level) else { throw .unknownLevel(level, directive: directive) }
                named.append((Self.fullName(name), limit))
            } else if let limit = Self.limit(directive) {
                bare = limit
            } else {
                named.append((Self.fullName(directive), LogLevel.trace.rawValue))
            }
        }
        limits = LogTarget.allCases.map { target in
            var best = (length: 0, limit: bare)
            // `>=`: of two directives for the same name the later one counts.
            for (name, limit) in named where Self.covers(name, target) && name.utf8.count >= best.length {
                best = (name.utf8.count, limit)
            }
            return best.limit
        }
    }

    /// Whether a line passes.
    package func allows(_ level: LogLevel, _ target: LogTarget) -> Bool {
        level.rawValue <= limits[Int(target.rawValue)]
    }

    private static func covers(_ name: String, _ target: LogTarget) -> Bool {
        target.name == name || target.name.hasPrefix(name + "::")
    }

    /// `http` is short for `containment_chamber::http`.
    private static func fullName(_ name: String) -> String {
        let full = LogTarget.chamber.name + "::" + name
        return LogTarget.allCases.contains { covers(full, $0) } ? full : name
    }

    /// The number of a level's name, 0 for `off`.
    private static func limit(_ name: String) -> UInt8? {
        let name = name.uppercased()
        if name == "OFF" { return 0 }
        return LogLevel.allCases.first { $0.name == name }?.rawValue
    }
}
