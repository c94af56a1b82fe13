// SPDX-License-Identifier: Apache-2.0
internal import Configuration
internal import Encoding

extension Examination {
    private static let whyFirewall =
        "only validator clients should reach the signing port, only the monitoring the metrics"

    var firewall: Finding {
        let why = Self.whyFirewall
        guard let first = openPorts.first else {
            return .ok("firewall", "all ports are on loopback addresses: none is needed", why: why)
        }
        switch facts.firewall {
        case .none:
            return .bad("firewall", "there are no rules", why: why, fix: Self.fix(first.port, isIPTables: false))
        case .notPermitted:
            return .unknown(
                "firewall",
                "the rules cannot be seen by this user",
                why: why,
                fix: "run the doctor as root"
            )
        case .unseen:
            return .unknown(
                "firewall",
                "neither nft nor iptables is there",
                why: why,
                fix: "look at the firewall of the network, or install nftables"
            )
        case .rules(let text): return judged(FirewallRules(text))
        }
    }

    /// The first port that is not restricted decides.
    private func judged(_ rules: FirewallRules) -> Finding {
        for (port, families) in openPorts {
            let what: String
            switch rules.reach(port, families) {
            case .restricted: continue
            case .open: what = "a rule accepts port \(port) from everywhere"
            case .others: what = "a rule accepts port \(port) from some, and no rule or policy stops the others"
            case .unnamed: what = "no rule names port \(port)"
            }
            return .warn(
                "firewall",
                what,
                why: Self.whyFirewall,
                fix: Self.fix(port, isIPTables: rules.isIPTables)
            )
        }
        let ports = openPorts.map { "\($0.port)" }.joined(separator: ", ")
        return .ok("firewall", "rules say from where ports \(ports) are reached", why: Self.whyFirewall)
    }

    /// In front of the others: what accepts the port would come first otherwise.
    private static func fix(_ port: Int, isIPTables: Bool) -> String {
        isIPTables
            ? "iptables -I INPUT -p tcp --dport \(port) ! -s CLIENT_ADDRESS -j DROP"
            : "nft insert rule inet filter input tcp dport \(port) ip saddr != CLIENT_ADDRESS drop"
    }

    private var openPorts: [(port: Int, families: Set<FirewallRules.Family>)] {
        var ports: [(port: Int, families: Set<FirewallRules.Family>)] = []
        if !configuration.isSigningLocal {
            let port = configuration.tls.isEnabled ? configuration.tls.listenPort : configuration.server.listenPort
            ports.append((port, Self.families(configuration.signingAddress)))
        }
        let metrics = configuration.metrics
        if metrics.isEnabled, IPAddress(metrics.listenAddress)?.isLoopback != true {
            ports.append((metrics.listenPort, Self.families(metrics.listenAddress)))
        }
        return ports
    }

    private static func families(_ address: String) -> Set<FirewallRules.Family> {
        guard let parsed = IPAddress(address), address != "::" else { return [.v4, .v6] }
        return parsed.isVersion4 ? [.v4] : [.v6]
    }
}
