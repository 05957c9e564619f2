"""What a machine gives to trainings, and whether that is what ganjax promises."""
