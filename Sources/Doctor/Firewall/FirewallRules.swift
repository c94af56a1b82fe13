// SPDX-License-Identifier: Apache-2.0

/// The chains that a packet to this host goes through, out of what `nft list ruleset` or `iptables -S` prints. What is not
/// understood counts as open: a firewall is called good only where its rules say so.
struct FirewallRules {
    enum Reach: Equatable {
        /// Only from where a rule says.
        case restricted
        /// A rule accepts it from everybody.
        case open
        /// A rule accepts it from somewhere, and nothing stops the others.
        case others
        /// No rule names it.
        case unnamed
    }

    enum Family { case v4, v6 }

    private struct Chain {
        var family: Set<Family>
        var table: String
        var rules: [FirewallRule] = []
        /// Of a chain that packets to this host enter by themselves.
        var isEntry = false
        var closes = false
    }

    let isIPTables: Bool
    private var chains: [String: Chain] = [:]
    private var order: [String] = []

    init(_ text: String) {
        isIPTables = text.split(separator: "\n").contains { $0.hasPrefix("-A") || $0.hasPrefix("-P") }
        if isIPTables { readIPTables(text) } else { readNFT(text) }
    }

    /// - Parameter families: those in which the port listens; each has to be restricted.
    func reach(_ port: Int, _ families: Set<Family>) -> Reach {
        let worst: [Reach] = [.open, .others, .unnamed, .restricted]
        let reaches = families.map { family -> Reach in
            let entries = order.compactMap { chains[$0] }.filter { $0.isEntry && $0.family.contains(family) }
            let reaches = entries.map { reach(port, family, $0) }
            // What one chain drops, no other brings back.
            if reaches.contains(.restricted) { return .restricted }
            return worst.first(where: reaches.contains) ?? .unnamed
        }
        return worst.first(where: reaches.contains) ?? .unnamed
    }

    private func reach(_ port: Int, _ family: Family, _ chain: Chain) -> Reach {
        var isAccepted = false
        for rule in flat(chain, depth: 0) where rule.concerns(port) {
            switch (rule.verdict, rule.source) {
            case (.accept, .some): if rule.ports != nil { isAccepted = true }
            case (.accept, _): return .open
            case (.drop, _) where !rule.stops(family): continue
            case (.drop, .anyone): return isAccepted || rule.ports != nil ? .restricted : .unnamed
            case (.drop, .allBut): if rule.ports != nil { return .restricted }
            default: continue
            }
        }
        guard isAccepted else { return .unnamed }
        return chain.closes ? .restricted : .others
    }

    /// With the rules of the chains that it sends to in their places.
    private func flat(_ chain: Chain, depth: Int) -> [FirewallRule] {
        guard depth < 8 else { return [] }
        return chain.rules.flatMap { rule -> [FirewallRule] in
            guard case .chain(let name) = rule.verdict else { return [rule] }
            guard let next = chains["\(chain.table)/\(name)"] else { return [] }
            return flat(next, depth: depth + 1).map { $0.narrowed(by: rule) }
        }
    }

    // MARK: iptables

    private mutating func readIPTables(_ text: String) {
        for line in FirewallWords.statements(text) where line.count > 2 {
            let key = "iptables/\(line[1])"
            var chain = chains[key] ?? Chain(family: [.v4], table: "iptables", isEntry: line[1] == "INPUT")
            switch line[0] {
            case "-P": chain.closes = line[2] != "ACCEPT"
            case "-A": chain.rules.append(FirewallRule(Array(line.dropFirst(2))))
            default: continue
            }
            keep(chain, as: key)
        }
    }

    private mutating func keep(_ chain: Chain, as key: String) {
        if chains[key] == nil { order.append(key) }
        chains[key] = chain
    }

    // MARK: nft

    /// Where a statement stands.
    private struct Place {
        var family: Set<Family> = [.v4, .v6]
        var table = ""
        /// Rules that stand in no chain are read as those of one.
        var chain: String?
        var set: String?
    }

    private mutating func readNFT(_ text: String) {
        var place = Place()
        var (sets, rules): ([String: [String: [String]]], [(place: Place, words: [String])]) = ([:], [])
        for words in FirewallWords.statements(text) {
            switch words[0] {
            case "table" where words.last == "{":
                place = Place()
                place.table = words.dropFirst().dropLast().joined(separator: " ")
                if words[1] == "ip" { place.family = [.v4] }
                if words[1] == "ip6" { place.family = [.v6] }
                if ["arp", "bridge", "netdev"].contains(words[1]) { place.family = [] }
            case "chain" where words.last == "{": place.chain = words[1]
            case "set" where words.last == "{", "map" where words.last == "{": place.set = words[1]
            case "}":
                if place.set != nil {
                    place.set = nil
                } else if place.chain != nil {
                    place.chain = nil
                } else {
                    place = Place()
                }
            case "elements":
                if let set = place.set { sets[place.table, default: [:]][set] = words }
            default: if place.set == nil { rules.append((place, words)) }
            }
        }
        for (place, words) in rules { add(words, at: place, sets[place.table] ?? [:]) }
    }

    private mutating func add(_ words: [String], at place: Place, _ sets: [String: [String]]) {
        let key = "\(place.table)/\(place.chain ?? "")"
        var chain = chains[key] ?? Chain(family: place.family, table: place.table, isEntry: place.chain == nil)
        switch words[0] {
        case "type":
            let isFilter = words.dropFirst().first == "filter"
            let hook = words.firstIndex(of: "hook").flatMap { words.dropFirst($0 + 1).first }
            chain.isEntry = isFilter && hook == "input"
        case "policy": chain.closes = words.dropFirst().first == "drop"
        default: chain.rules.append(FirewallRule(words, sets: sets))
        }
        keep(chain, as: key)
    }
}
