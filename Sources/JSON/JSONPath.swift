// SPDX-License-Identifier: Apache-2.0

/// One step from a container to a value in it.
package enum JSONStep: Sendable {
    case member(JSONText)
    case element(Int)
}

extension JSONValue {
    /// The way from the outermost value to this one. Found by looking, so that only errors pay for it.
    package var path: [JSONStep] {
        var path: [JSONStep] = []
        var container = document.root
        while container.index < index, let (step, inner) = container.step(towards: index) {
            path.append(step)
            container = inner
        }
        return path
    }

    private func step(towards index: Int) -> (JSONStep, JSONValue)? {
        for member in members where member.value.holds(index) { return (.member(member.name), member.value) }
        for (place, element) in elements.enumerated() where element.holds(index) { return (.element(place), element) }
        return nil
    }

    private func holds(_ index: Int) -> Bool { index >= self.index && index < Int(document.nodes[self.index].next) }
}
