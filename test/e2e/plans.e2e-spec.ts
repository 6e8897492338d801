import { jest } from '@jest/globals';
import { tellPlanStory } from './plan-story.js';
import { describeScenes } from './scenes.js';
import { hasOpenBao } from './stage.js';

jest.setTimeout(120_000);

const source = hasOpenBao ? 'kv2' : 'builtin';

describeScenes('moving a team in', tellPlanStory, [{ title: `from ${source}`, source, target: 'builtin' }]);
