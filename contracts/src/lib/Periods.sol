// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAgencyRegistry} from "../interfaces/IAgencyRegistry.sol";

/// @title Rights that start now, end now, and are remembered
library Periods {
    function isOpen(IAgencyRegistry.Period[] storage periods) internal view returns (bool) {
        uint256 count = periods.length;
        return count != 0 && periods[count - 1].until == 0;
    }

    function start(IAgencyRegistry.Period[] storage periods) internal returns (uint64 from) {
        from = uint64(block.timestamp);
        periods.push(IAgencyRegistry.Period(from, 0));
    }

    function end(IAgencyRegistry.Period[] storage periods) internal returns (uint64 until) {
        until = uint64(block.timestamp);
        periods[periods.length - 1].until = until;
    }

    /// @dev Periods follow one another, so the newest one that has started by `time` decides.
    function holdsAt(IAgencyRegistry.Period[] storage periods, uint64 time) internal view returns (bool) {
        for (uint256 i = periods.length; i != 0; --i) {
            IAgencyRegistry.Period memory period = periods[i - 1];
            if (period.from <= time) return period.until == 0 || time < period.until;
        }
        return false;
    }
}
