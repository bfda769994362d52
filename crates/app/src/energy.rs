//! Estimates of energy and cost, from how long devices have trained.

/// What a kilowatt-hour is in joules.
const JOULES_PER_KWH: f64 = 3.6e6;

/// The power of a device, and what energy costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Of a device while it trains.
    pub watts: f64,
    /// In any currency; `None` if it is not known.
    pub price_per_kwh: Option<f64>,
}

/// An estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// The energy in kilowatt-hours.
    pub kwh: f64,
    /// What it costs, in the currency of the price.
    pub cost: Option<f64>,
}

impl Power {
    /// `None` without a power: 0 stands for an unknown value of both.
    pub fn of(watts: f64, price_per_kwh: f64) -> Option<Self> {
        (watts > 0.0).then(|| Self { watts, price_per_kwh: (price_per_kwh > 0.0).then_some(price_per_kwh) })
    }

    /// The energy of devices of this power that train for `device_seconds` in all.
    pub fn over(self, device_seconds: f64) -> Energy {
        let kwh = self.watts * device_seconds / JOULES_PER_KWH;
        Energy { kwh, cost: self.price_per_kwh.map(|price| kwh * price) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilowatt_for_an_hour_is_a_kilowatt_hour_and_costs_its_price() {
        let energy = Power::of(1000.0, 0.3).unwrap().over(3600.0);
        assert_eq!(energy, Energy { kwh: 1.0, cost: Some(0.3) });
        assert_eq!(Power::of(250.0, 0.0).unwrap().over(7200.0), Energy { kwh: 0.5, cost: None });
        assert_eq!(Power::of(0.0, 0.3), None);
    }
}
