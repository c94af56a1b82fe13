// SPDX-License-Identifier: Apache-2.0

/// One rule of a firewall, as far as it says who reaches a port over TCP.
struct FirewallRule {
    enum Source {
        case anyone
        /// From addresses that are named, or from this host.
        case some
        /// From all but those.
        case allBut
    }

    enum Verdict: Equatable {
        case accept
        case drop
        case chain(String)
        case none
    }

    /// Nil where the rule asks for no port.
    var ports: [ClosedRange<Int>]?
    var source = Source.anyone
    /// That of the addresses it names; nil where it names none.
    var family: FirewallRules.Family?
    var verdict = Verdict.none
    /// There are conditions that are not looked at: it does not stop all that its port and its source name.
    var isPartial = false
    /// It is about something else than new TCP connections.
    var isOther = false

    /// - Parameter sets: the named sets of the rule's table.
    init(_ words: [String], sets: [String: [String]] = [:]) {
        let lower = words.map { $0.lowercased() }
        ports = Self.ports(lower, sets)
        source = Self.source(lower)
        family = Self.family(lower)
        verdict = Self.verdict(words, lower)
        isPartial = lower.contains(where: Self.conditions.contains)
        isOther = Self.isOther(lower)
    }

    /// What a rule means in a chain that another rule sends it to.
    func narrowed(by caller: FirewallRule) -> FirewallRule {
        var rule = self
        if rule.ports == nil { rule.ports = caller.ports }
        if case .anyone = rule.source { rule.source = caller.source }
        rule.family = rule.family ?? caller.family
        rule.isPartial = rule.isPartial || caller.isPartial
        rule.isOther = rule.isOther || caller.isOther
        return rule
    }

    /// Whether it stops all that come from where it says.
    func stops(_ family: FirewallRules.Family) -> Bool {
        verdict == .drop && !isPartial && (self.family ?? family) == family
    }

    func concerns(_ port: Int) -> Bool { !isOther && ports?.contains { $0.contains(port) } != false }

    // MARK: Reading

    private static let conditions: Set = [
        "ct", "--ctstate", "--state", "flags", "--tcp-flags", "--syn", "limit", "--limit", "--hashlimit-upto",
        "--hashlimit-above", "daddr", "-d", "sport", "--sport", "--sports", "mark", "--mark", "fib", "oif", "oifname",
        "-o",
        "--update", "--rcheck", "numgen", "hour", "day", "skuid", "socket", "nfproto",
    ]

    private static func ports(_ words: [String], _ sets: [String: [String]]) -> [ClosedRange<Int>]? {
        guard let place = words.firstIndex(where: { ["dport", "--dport", "--dports"].contains($0) }) else { return nil }
        var rest = Array(words[(place + 1)...])
        var isNegated = place > 0 && words[place - 1] == "!"
        if rest.first == "!=" {
            isNegated = true
            rest.removeFirst()
        }
        let isMap = rest.first == "vmap"
        if isMap { rest.removeFirst() }
        var named: [String]
        if let name = rest.first, name.hasPrefix("@") {
            named = sets[String(name.dropFirst())] ?? []
        } else if rest.first == "{" {
            named = Array(rest.dropFirst().prefix { $0 != "}" })
        } else {
            named = Array(rest.prefix(1))
            while rest.count > named.count + 1, rest[named.count] == "," {
                named += rest[named.count...named.count + 1]
            }
        }
        let ranges = named.compactMap(range)
        return isNegated ? complement(ranges) : ranges
    }

    private static func range(_ word: String) -> ClosedRange<Int>? {
        let ends = word.split(whereSeparator: { $0 == "-" || $0 == ":" }).map { Int($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last else {
            return nil
        }
        return first...last
    }

    private static func complement(_ ranges: [ClosedRange<Int>]) -> [ClosedRange<Int>] {
        var (free, next) = ([ClosedRange<Int>](), 0)
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if next < range.lowerBound { free.append(next...range.lowerBound - 1) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 65_535 { free.append(next...65_535) }
        return free
    }

    private static func source(_ words: [String]) -> Source {
        for (place, word) in words.enumerated() {
            let value = words.dropFirst(place + 1).first ?? ""
            let isNegated = value == "!=" || (place > 0 && words[place - 1] == "!")
            let rest = words.dropFirst(place + (value == "!=" ? 2 : 1))
            switch word {
            case "saddr", "-s", "--match-set":
                let named = rest.first == "{" ? Array(rest.prefix { $0 != "}" }) : Array(rest.prefix(1))
                // Everybody, or a set of destinations.
                if named.contains(where: { $0.hasSuffix("/0") }) { continue }
                if word == "--match-set", rest.dropFirst().first != "src" { continue }
                return isNegated ? .allBut : .some
            case "iif", "iifname", "-i":
                if rest.first == "lo" { return isNegated ? .allBut : .some }
            default: continue
            }
        }
        return .anyone
    }

    private static func family(_ words: [String]) -> FirewallRules.Family? {
        guard let place = words.firstIndex(of: "saddr"), place > 0 else { return nil }
        return words[place - 1] == "ip6" ? .v6 : .v4
    }

    private static func verdict(_ words: [String], _ lower: [String]) -> Verdict {
        if lower.contains("vmap") { return .accept }
        if let place = lower.firstIndex(where: { ["-j", "-g", "jump", "goto"].contains($0) }), place + 1 < words.count {
            switch words[place + 1] {
            case "ACCEPT": return .accept
            case "DROP", "REJECT": return .drop
            case let name: return .chain(name)
            }
        }
        if lower.contains("accept") { return .accept }
        return lower.contains("drop") || lower.contains("reject") ? .drop : .none
    }

    private static func isOther(_ words: [String]) -> Bool {
        if words.contains(where: { ["udp", "icmp", "icmpv6", "ipv6-icmp", "igmp", "vrrp"].contains($0) }) {
            return !words.contains("tcp")
        }
        guard let place = words.firstIndex(where: { ["state", "--ctstate", "--state"].contains($0) }) else {
            return false
        }
        return !words[place...].contains { $0 == "new" || $0 == "untracked" }
    }
}
