"""Which Material Design icon stands for a class, by the words of its name.

Palettes come from data sets with their own spellings ("tree-merged", "potted plant",
"building-other-merged", "vegetation"), so the words decide: the whole name first, then the
pairs of neighbours, then single words from the last to the first (the noun of an English
compound stands last), then the palette's group, then a neutral shape.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Final

FALLBACK: Final = "shape"

_TABLE: Final = """
weather-sunny: sky
cloud: cloud
weather-fog: fog mist haze
image-filter-hdr: mountain mountains
hill: hill
rock: rock stone boulder
grain: sand gravel
shovel: dirt mud earth soil ground land terrain
grass: grass turf lawn
leaf: bush leaves shrub vegetation branch
barley: field straw wheat crop hay
flower-tulip: flower flowers
tree: tree trees
palm-tree: palm
forest: forest wood
sprout: plant sprout moss
flower: potted-plant
waves: sea ocean
water: water lake river pond
waterfall: waterfall falls
pool: swimming-pool
snowflake: snow frost
cube-outline: ice
beach: beach coast shore
island: island platform
road-variant: road street path track runway highway
walk: sidewalk pavement footpath step
home-city: building buildings city
office-building: skyscraper
home: house home hovel roof cottage
tower-fire: tower
castle: castle
lighthouse: lighthouse
bridge: bridge
tunnel: tunnel
fence: fence net cage
gate: railing guard-rail bannister gate
wall: wall brick concrete
pillar: column pillar
tent: tent canopy booth
awning-outline: awning hood
stairs: stairs stairway staircase
escalator: escalator conveyer-belt
floor-plan: floor
view-grid: ceiling tile
door: door screen-door
window-closed-variant: window windowpane
blinds: blind window-blind
curtains: curtain
texture: rug carpet mat blanket textile
paper-roll-outline: napkin towel paper tissue
account: person people rider pedestrian man woman
dog-side: dog animal
paw: creature
bird: bird
cat: cat
horse: horse zebra
sheep: sheep
cow: cow giraffe
elephant: elephant
teddy-bear: bear teddy-bear
car: car
van-utility: van
truck: truck
bus: bus
train: train
tram: tram streetcar
caravan: caravan
truck-trailer: trailer
motorbike: motorcycle minibike motorbike
bicycle: bicycle bike
airplane: airplane plane aircraft
sail-boat: boat sailboat
ferry: ship
domain: static
anchor: dock pier
train-car: railroad rail-track
highway: highway-lane
parking: parking parking-meter
traffic-light: traffic-light
sign-caution: traffic-sign stop-sign
sign-text: sign signboard trade-name banner poster
outdoor-lamp: streetlight street-light polegroup
flag-variant: flag
fire-hydrant: fire-hydrant
fountain: fountain
storefront-outline: buffet market shop bar
stadium: grandstand stadium
theater: stage
bench: bench playingfield
sofa: sofa couch ottoman
seat: armchair seat
chair-rolling: chair swivel-chair stool
bed-double-outline: bed pillow cushion
bed: cradle
table-furniture: table coffee-table dining-table
desk: desk
file-cabinet: cabinet cupboard furniture
wardrobe: wardrobe
dresser: chest-of-drawers dresser
bookshelf: shelf bookcase
countertop: counter countertop kitchen-island
lamp: lamp sconce
chandelier: chandelier
ceiling-light: light
mirror: mirror mirror-stuff
image-frame: painting picture
bulletin-board: bulletin-board
television: television tv screen crt-screen
monitor: monitor computer
laptop: laptop
keyboard: keyboard
mouse: mouse
remote: remote
cellphone: phone cell-phone
gamepad-variant-outline: arcade-machine
billiards-rack: pool-table
fireplace: fireplace
radiator: radiator
fan: fan
bathtub: bathtub
shower: shower
toilet: toilet
faucet: sink faucet
washing-machine: washer
dishwasher: dishwasher
fridge: refrigerator fridge
stove: stove oven
microwave: microwave
toaster: toaster
pot-steam: pot
tray: tray
barrel: barrel
storage-tank: tank
bowl: bowl
cup: cup
glass-wine: glass wine-glass
bottle-wine: bottle
pot: vase
silverware-fork-knife: fork plate spoon utensil
knife: knife
food: food sandwich
food-apple: apple fruit
fruit-citrus: orange
fruit-grapes: banana
carrot: carrot vegetable broccoli salad
food-hot-dog: hot-dog
pizza: pizza
cake-variant: cake donut
basket: basket
package-variant-closed: box cardboard
bag-suitcase: suitcase
bag-personal: bag backpack
purse: handbag
tie: tie
tshirt-crew: clothes apparel cloth
umbrella: umbrella
trash-can: ashcan trash bin
book-open-page-variant: book
clock-outline: clock
content-cut: scissors
hair-dryer: hair-drier
toothbrush: toothbrush
toy-brick: plaything toy
volleyball: ball sports-ball
disc: frisbee
ski: skis ski
snowboard: snowboard
kite: kite
baseball-bat: baseball-bat
baseball: baseball-glove
skateboard: skateboard
surfing: surfboard
tennis: tennis-racket
bank: sculpture statue base
solar-panel: solid structural metal plastic
help-circle-outline: unlabeled unknown other void
car-off: ego-vehicle license-plate out-of-roi rectification-border dynamic
transmission-tower: pole
"""

_GROUPS: Final = {
    "nature": "tree",
    "plant": "sprout",
    "vegetation": "leaf",
    "water": "water",
    "ground": "shovel",
    "land": "image-filter-hdr",
    "flat": "road-variant",
    "sky": "weather-sunny",
    "terrain": "image-filter-hdr",
    "built": "home-city",
    "building": "home-city",
    "construction": "home-city",
    "structural": "wall",
    "wall": "wall",
    "floor": "floor-plan",
    "ceiling": "view-grid",
    "window": "window-closed-variant",
    "solid": "hexagon",
    "textile": "texture",
    "rawmaterial": "cube-outline",
    "vehicle": "car",
    "human": "account",
    "person": "account",
    "animal": "paw",
    "furniture": "sofa",
    "appliance": "fridge",
    "electronic": "television",
    "kitchen": "silverware-fork-knife",
    "food": "food",
    "sports": "volleyball",
    "accessory": "bag-personal",
    "outdoor": "bench",
    "indoor": "lamp",
    "object": "cube-outline",
    "thing": "cube-outline",
    "living": "account",
    "void": "help-circle-outline",
    "unknown": "help-circle-outline",
}


@cache
def _words() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        icon, names = line.split(": ")
        table.update(dict.fromkeys(names.split(), icon))
    return table


def class_icon_names() -> frozenset[str]:
    """Every icon a class can get (a test looks each up in the icon font)."""
    return frozenset(_words().values()) | frozenset(_GROUPS.values()) | {FALLBACK}


@cache
def class_icon_name(name: str, group: str = "") -> str:
    """The Material Design icon for a class called ``name`` in ``group``."""
    table = _words()
    words = [_singular(word) for word in re.findall(r"[a-z0-9]+", name.lower())]
    words = [word for word in words if word not in ("merged", "stuff", "other")] or words
    pairs = [f"{a}-{b}" for a, b in pairwise(words)]
    for candidate in ("-".join(words), *reversed(pairs), *_by_weight(words)):
        if candidate in table:
            return table[candidate]
    for word in re.findall(r"[a-z]+", group.lower()):
        found = _GROUPS.get(_singular(word)) or _GROUPS.get(word) or table.get(word)
        if found:
            return found
    return FALLBACK


def _by_weight(words: list[str]) -> list[str]:
    """Single words, the likely noun first: "floor wood" (COCO-Stuff) is a floor all the same."""
    heads = ("floor", "ceiling", "wall", "window", "furniture", "building")
    return [w for w in words if w in heads] + list(reversed(words))


def _singular(word: str) -> str:
    table = _words()
    if word not in table and word.endswith("es") and word[:-2] in table:
        return word[:-2]
    return word[:-1] if word not in table and word.endswith("s") else word
