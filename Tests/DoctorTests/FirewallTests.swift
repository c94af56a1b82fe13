// SPDX-License-Identifier: Apache-2.0
import Configuration
import Doctor
import Testing

/// What rules say of ports 9000 and 3000 of 10.1.2.3.
@Suite struct FirewallTests {
    private func finding(_ rules: String, address: String = "10.1.2.3") -> Finding? {
        var configuration = Configuration()
        configuration.server.listenAddress = address
        configuration.server.listenPort = 9000
        configuration.metrics.listenAddress = address
        configuration.metrics.listenPort = 3000
        configuration.metrics.isEnabled = true
        var facts = HostFacts(configuration)
        facts.firewall = .rules(rules)
        return Examination(facts).findings.first { $0.name == "firewall" }
    }

    private static func table(_ rules: String, policy: String = "drop", family: String = "inet") -> String {
        """
        table \(family) filter {
            set ports {
                type inet_service
                elements = { 3000, 9000 }
            }
            chain clients {
                ip saddr { 10.1.2.4, 10.1.2.5 } accept
                drop
            }
            chain input {
                type filter hook input priority filter; policy \(policy);
                ct state established,related accept
                iif "lo" accept
                ip protocol icmp accept
                \(rules)
            }
            chain output {
                type filter hook output priority filter; policy accept;
                tcp dport { 3000, 9000 } accept
            }
        }
        """
    }

    @Test(arguments: [
        table("tcp dport { 9000, 3000 } ip saddr 10.1.2.4 accept"),
        table("ip saddr { 10.1.2.4, 10.1.2.5 } tcp dport { 3000, 9000 } counter packets 1 bytes 2 accept"),
        table("ip saddr @clients tcp dport @ports accept"), table("ip saddr 10.1.2.4 tcp dport 2999-9001 accept"),
        table("ip saddr 10.1.2.4 tcp dport { 3000-3001, 8999-9000 } accept comment \"all; of { them\""),
        table("tcp dport { 3000, 9000 } ip saddr != 10.1.2.4 drop", policy: "accept"),
        table("tcp dport { 3000, 9000 } jump clients", policy: "accept"),
        table("ip saddr 10.1.2.4 tcp dport @ports accept\n reject", policy: "accept"),
        table("tcp dport @ports ip saddr 10.1.2.4 accept\n tcp dport @ports drop\n accept", policy: "accept"),
        table("tcp dport { 3000, 9000 } ip saddr 10.1.2.4 accept", family: "ip"),
        table("iifname \"lo\" tcp dport @ports accept # handle 4"),
        """
        -P INPUT DROP
        -A INPUT -s 10.1.2.4/32 -p tcp -m tcp --dport 9000 -j ACCEPT
        -A INPUT -s 10.1.2.4/32 -p tcp -m multiport --dports 22,2990:3010 -j ACCEPT
        """,
        """
        -P INPUT ACCEPT
        -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A INPUT -p tcp -m multiport --dports 3000,9000 ! -s 10.1.2.4/32 -m comment --comment "for me" -j DROP
        """,
        "-P INPUT DROP\n-N own\n-A INPUT -j own\n-A own -i lo -p tcp -m multiport --dports 3000,9000 -j ACCEPT",
    ])
    func `rules that say from where the ports are reached are good`(_ rules: String) {
        #expect(finding(rules)?.state == .ok, "\(String(describing: finding(rules)))")
    }

    @Test(arguments: [
        "policy accept; tcp dport {9000,3000} accept", "tcp dport 22 counter packets 9000 bytes 3000 accept",
        table("tcp dport { 9000, 3000 } accept"), table("tcp dport { 9000, 3000 } accept", policy: "accept"),
        table("tcp dport 22 counter packets 9000 bytes 3000 accept"), table("tcp sport { 9000, 3000 } accept"),
        table("ip saddr 10.1.2.4 tcp dport { 9000, 3000 } accept", policy: "accept"),
        table("ip saddr 10.1.2.4 tcp dport 9000 accept"), table("ip saddr 0.0.0.0/0 tcp dport @ports accept"),
        table("ip saddr != 10.1.2.4 tcp dport @ports accept"), table("tcp dport 90001 drop", policy: "accept"),
        table("accept\n ip saddr 10.1.2.4 tcp dport @ports accept"),
        table("iifname \"eth0\" tcp dport @ports accept"), table("tcp dport @ports accept\n tcp dport @ports drop"),
        table("udp dport @ports ip saddr 10.1.2.4 accept"), table("tcp dport != 22 accept"),
        table("ip saddr 10.1.2.4 tcp dport @ports accept", family: "ip6"),
        table("ip saddr 10.1.2.4 tcp dport @ports accept\n ct state invalid drop", policy: "accept"),
        table("counter comment \"ip saddr 10.1.2.4 tcp dport 9000 accept\""),
        table("tcp dport vmap { 9000 : accept, 3000 : accept }"),
        "-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 3000,9000 -j ACCEPT",
        "-P INPUT ACCEPT\n-A INPUT -s 10.1.2.4/32 -p tcp -m multiport --dports 3000,9000 -j ACCEPT",
        "-P INPUT ACCEPT\n-A FORWARD -p tcp -m multiport --dports 3000,9000 -j DROP",
        "-P INPUT DROP\n-A INPUT -p tcp -m set --match-set to dst -m multiport --dports 3000,9000 -j ACCEPT",
    ])
    func `rules that only name the ports, or leave them open, are not`(_ rules: String) throws {
        let finding = try #require(self.finding(rules))
        #expect(finding.state == .warn, "\(finding)")
        let tool = rules.hasPrefix("-") ? "iptables -I INPUT" : "nft insert rule"
        #expect(finding.fix?.hasPrefix(tool) == true && finding.fix?.contains("dport") == true)
    }

    @Test func `a port of every interface needs rules for both families`() {
        let one = Self.table("tcp dport { 3000, 9000 } ip saddr 10.1.2.4 accept", family: "ip")
        #expect(finding(one, address: "::")?.state == .warn)
        let stopped = Self.table("tcp dport @ports ip saddr != 10.1.2.4 drop", policy: "accept")
        #expect(finding(stopped)?.state == .ok && finding(stopped, address: "::")?.state == .warn)
        #expect(finding(Self.table("ip saddr 10.1.2.4 tcp dport @ports accept"), address: "::")?.state == .ok)
    }

    @Test(arguments: [
        "", "{", "}", "}}}", "table", "chain {", "-A", "tcp dport", "tcp dport {", "dport !=", "\"", "-A INPUT -j",
    ])
    func `what is no rules is no reason to fall over`(_ rules: String) {
        #expect(finding(rules)?.state == .warn)
    }
}
